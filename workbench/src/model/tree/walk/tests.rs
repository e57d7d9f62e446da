//! Walks against what a check of everything counts, and graphs that Graphviz can read.

use super::*;
use crate::model::testing::{SCRIPTS, past, run};
use northstar_engine::inspect::{Source, check_with_survey, no_progress};
use northstar_engine::limits::PAGE_BYTES;

/// Quotes and braces of a graph come in pairs, and every edge joins nodes that are there.
fn assert_graph(dot: &str, name: &str) {
    assert!(dot.starts_with("digraph tree {\n") && dot.ends_with("}\n"), "{name}");
    for line in dot.lines() {
        let quotes = line.replace("\\\\", "").replace("\\\"", "").matches('"').count();
        assert!(quotes.is_multiple_of(2), "{name}: {line}");
    }
    let nodes: HashSet<&str> = dot
        .lines()
        .filter(|line| line.contains('[') && !line.contains("->"))
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    for (from, to) in dot.lines().filter_map(|line| line.trim().split_once(" -> ")) {
        let to = to.split([' ', ';']).next().unwrap_or_default();
        assert!(nodes.contains(from) && nodes.contains(to), "{name}: {from} -> {to}");
    }
}

#[test]
fn levels_are_those_that_a_check_counts() {
    for script in SCRIPTS {
        let past = past(script);
        let source = Source::open(&past.path).expect("the file");
        let survey = check_with_survey(&source, &mut no_progress());
        let newest = past.roots.iter().max_by_key(|root| root.txn_id).copied().expect("a root");
        let walk: Walk = run(&past.path, WalkTree { root: newest }).expect("walked");
        let mut levels = walk.levels.clone();
        levels.reverse();
        let counted: Vec<(u64, u64)> =
            survey.levels.iter().map(|level| (level.nodes, level.entries)).collect();
        let walked: Vec<(u64, u64)> =
            levels.iter().map(|level| (level.nodes, level.entries)).collect();
        assert_eq!(walked, counted, "{script}");
        for level in &levels {
            assert_eq!(level.fill.iter().sum::<u64>(), level.nodes, "{script}");
            assert_eq!(level.broken, 0, "{script}");
        }
        assert_graph(&walk.dot(), script);
    }
}

#[test]
fn leaves_of_a_large_tree_are_drawn_a_box_for_each_parent() {
    let past = past("fill k 900, fill m 900, checkpoint");
    let root = past.roots.iter().max_by_key(|root| root.txn_id).copied().expect("a root");
    let mut walk: Walk = run(&past.path, WalkTree { root }).expect("walked");
    let one = walk.nodes.last().cloned().expect("a leaf");
    assert!(walk.nodes.len() > 1 && one.level == 0, "more than a root");
    assert!(!walk.dot().contains("leaves0"));
    walk.nodes.extend(std::iter::repeat_n(one, GRAPH_NODES_MAX));
    let dot = walk.dot();
    assert_graph(&dot, "folded");
    assert_eq!(dot.matches("[label=").count(), 2, "the root and its leaves: {dot}");
    walk.nodes.last_mut().expect("a leaf").problem = Some("broken".to_owned());
    let dot = walk.dot();
    assert_graph(&dot, "folded, one broken");
    assert_eq!(dot.matches("color=red").count(), 1, "the broken one stands by itself: {dot}");
}

#[test]
fn a_broken_node_is_named_and_not_followed() {
    let past = past("fill k 900, fill m 900, checkpoint");
    let root = past.roots.iter().max_by_key(|root| root.txn_id).copied().expect("a root");
    let walk: Walk = run(&past.path, WalkTree { root }).expect("walked");
    let leaf = walk.nodes.last().expect("a leaf").pointer.page;
    let mut bytes = std::fs::read(&past.path).expect("the file is read");
    let at = usize::try_from(leaf.get()).expect("small") * PAGE_BYTES + 9000;
    bytes[at] ^= 0x10;
    std::fs::write(&past.path, bytes).expect("the file is written");
    let walk: Walk = run(&past.path, WalkTree { root }).expect("walked");
    let broken: Vec<_> = walk.nodes.iter().filter(|node| node.problem.is_some()).collect();
    assert_eq!(broken.iter().map(|node| node.pointer.page).collect::<Vec<_>>(), [leaf]);
    let dot = walk.dot();
    assert!(dot.contains(&format!("p{leaf}\\n")) && dot.contains("color=red"), "{dot}");
}

#[test]
fn hostile_keys_stay_inside_their_quotes() {
    let separator = b"a\"b\\c\n}".to_vec();
    let pointer = Pointer { page: northstar_engine::PageId::new(7), ..Pointer::default() };
    let brief = NodeBrief {
        pointer,
        level: 0,
        parent: Some(0),
        separator,
        entries: 1,
        fill_permille: 10,
        problem: None,
    };
    let text = graph_node(1, &brief);
    assert!(text.ends_with("[label=\"a\\\"b\\\\\\\\c\\\\n}\"];\n"), "{text}");
}
