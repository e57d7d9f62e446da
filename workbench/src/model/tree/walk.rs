//! A whole tree, node by node: how full they are on each level, and as a graph for Graphviz.
//!
//! What cannot be read stands there with the reason and has no children. Cost: one page read a node,
//! [`NODES_MAX`] at most; a few hundred bytes of memory for each.

use crate::job::{Data, Desk, Job};
use crate::text;
use northstar_engine::Pointer;
use northstar_engine::inspect::tree::{Entry, Root, node};
use northstar_engine::printable::Printable;
use std::collections::{HashSet, VecDeque};

/// Nodes that are walked.
const NODES_MAX: usize = 200_000;
/// Nodes that a graph draws one by one; leaves of a larger tree are drawn a box for each parent.
const GRAPH_NODES_MAX: usize = 600;
/// Equal parts of a histogram of fill.
const PARTS: usize = 20;
/// Characters of a key in a graph.
const KEY_CHARS: usize = 24;

/// A node, in a few words.
#[derive(Clone, Debug)]
pub struct NodeBrief {
    /// Where it is.
    pub pointer: Pointer,
    /// Its level.
    pub level: u8,
    /// Its parent's place in the walk; none for the root.
    pub parent: Option<usize>,
    /// The lowest key it may hold; empty for the first child of its parent.
    pub separator: Vec<u8>,
    /// Rows or children in it.
    pub entries: u64,
    /// How full it is.
    pub fill_permille: u16,
    /// The first rule it breaks.
    pub problem: Option<String>,
}

/// A tree's nodes, the root first, level by level, in key order.
#[derive(Clone, Debug)]
pub struct Walk {
    /// The tree.
    pub root: Root,
    /// Its nodes.
    pub nodes: Vec<NodeBrief>,
    /// There are more.
    pub cut: bool,
    /// The levels, the root's first.
    pub levels: Vec<LevelShape>,
}

/// The nodes of a level together.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct LevelShape {
    /// Which level.
    pub level: u8,
    /// How many nodes.
    pub nodes: u64,
    /// Rows or children in them.
    pub entries: u64,
    /// How full they are on average.
    pub fill_permille: u64,
    /// How many nodes are how full, in equal parts from empty to full.
    pub fill: [u64; PARTS],
    /// Nodes that break a rule.
    pub broken: u64,
}

impl Walk {
    /// The tree as a graph in the language of Graphviz: `dot -Tsvg northstar-tree.dot`.
    ///
    /// Sound leaves of a tree with many nodes become one box for each parent.
    pub fn dot(&self) -> String {
        let fold = self.nodes.len() > GRAPH_NODES_MAX;
        let mut out = String::from(
            "digraph tree {\n  rankdir=LR;\n  node [shape=box, fontname=monospace];\n  edge [fontname=monospace];\n",
        );
        let title = format!("txn {}, {} rows", self.root.txn_id, self.root.key_count);
        out += &format!("  label=\"{}\";\n", quoted(&title));
        // Leaves come last: what they add up to stands where their parents are.
        let mut sums: Vec<(usize, u64, u64, u64)> = Vec::new();
        for (at, node) in self.nodes.iter().enumerate() {
            // A broken one is what somebody looks for: it stands by itself.
            let folded = fold && node.level == 0 && node.problem.is_none();
            match node.parent.filter(|_| folded) {
                Some(parent) => fold_leaf(&mut sums, parent, node),
                None => out += &graph_node(at, node),
            }
        }
        for (parent, leaves, rows, permille) in sums {
            let fill = permille / leaves.max(1) / 10;
            let leaves = if leaves == 1 { "1 leaf".to_owned() } else { format!("{leaves} leaves") };
            let label = format!("{leaves}\n{rows} rows\n{fill} % full");
            out += &format!("  leaves{parent} [label=\"{}\", style=dashed];\n", quoted(&label));
            out += &format!("  n{parent} -> leaves{parent};\n");
        }
        if self.cut {
            out += "  more [label=\"the rest was not walked\", style=dotted];\n";
        }
        out + "}\n"
    }
}

/// The levels of `nodes`, the root's first.
fn levels_of(nodes: &[NodeBrief]) -> Vec<LevelShape> {
    let mut out: Vec<LevelShape> = Vec::new();
    for node in nodes {
        if out.last().is_none_or(|last| last.level != node.level) {
            out.push(LevelShape {
                level: node.level,
                nodes: 0,
                entries: 0,
                fill_permille: 0,
                fill: [0; PARTS],
                broken: 0,
            });
        }
        let Some(shape) = out.last_mut() else { continue };
        shape.nodes += 1;
        shape.entries += node.entries;
        shape.fill_permille += u64::from(node.fill_permille);
        shape.broken += u64::from(node.problem.is_some());
        let part = usize::from(node.fill_permille) * PARTS / 1000;
        shape.fill[part.min(PARTS - 1)] += 1;
    }
    for shape in &mut out {
        shape.fill_permille /= shape.nodes.max(1);
    }
    out
}

/// Adds a leaf to what its parent's leaves add up to.
fn fold_leaf(sums: &mut Vec<(usize, u64, u64, u64)>, parent: usize, leaf: &NodeBrief) {
    if sums.last().is_none_or(|(last, ..)| *last != parent) {
        sums.push((parent, 0, 0, 0));
    }
    if let Some((_, leaves, rows, permille)) = sums.last_mut() {
        *leaves += 1;
        *rows += leaf.entries;
        *permille += u64::from(leaf.fill_permille);
    }
}

/// A node, and the pointer to it.
fn graph_node(at: usize, node: &NodeBrief) -> String {
    let kind = if node.level == 0 { "leaf".to_owned() } else { format!("level {}", node.level) };
    let what = match (node.level, node.entries) {
        (0, rows) => text::plural(rows, "row"),
        (_, 1) => "1 child".to_owned(),
        (_, children) => format!("{children} children"),
    };
    let mut label =
        format!("p{} {kind}\n{what}\n{} % full", node.pointer.page, node.fill_permille / 10);
    let mut look = "";
    if let Some(problem) = &node.problem {
        label = format!("p{}\n{problem}", node.pointer.page);
        look = ", color=red, style=bold";
    }
    let mut out = format!("  n{at} [label=\"{}\"{look}];\n", quoted(&label));
    if let Some(parent) = node.parent {
        let key = match node.separator.is_empty() {
            true => "-∞".to_owned(),
            false => Printable::capped(&node.separator, KEY_CHARS).into_string(),
        };
        out += &format!("  n{parent} -> n{at} [label=\"{}\"];\n", quoted(&key));
    }
    out
}

/// A text inside quotes, as Graphviz reads it.
fn quoted(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// Walks a tree.
#[derive(Debug)]
pub struct WalkTree {
    /// Which.
    pub root: Root,
}

impl Job for WalkTree {
    fn name(&self) -> String {
        "walk the whole tree".to_owned()
    }

    fn run(self: Box<Self>, desk: &mut Desk<'_>) -> Result<Data, String> {
        let source = desk.source()?;
        let mut walk = Walk { root: self.root, nodes: Vec::new(), cut: false, levels: Vec::new() };
        let mut open = VecDeque::from([(self.root.pointer, self.root.level(), None, Vec::new())]);
        let mut seen = HashSet::new();
        while let Some((pointer, level, parent, separator)) = open.pop_front() {
            if pointer.is_null() || !seen.insert(pointer) {
                continue;
            }
            if walk.nodes.len() == NODES_MAX {
                walk.cut = true;
                break;
            }
            if !desk.progress(walk.nodes.len() as u64, 0) {
                return Err("stopped".to_owned());
            }
            let at = walk.nodes.len();
            let mut brief = NodeBrief {
                pointer,
                level: level.unwrap_or(0),
                parent,
                separator,
                entries: 0,
                fill_permille: 0,
                problem: None,
            };
            match node(&source, pointer, level) {
                Err(corrupt) => brief.problem = Some(corrupt.to_string()),
                Ok(view) => {
                    brief.entries = view.entries.len() as u64;
                    brief.fill_permille = view.fill_permille;
                    brief.problem = view.problems.first().map(ToString::to_string);
                    // Children of a node that is not what it should be are not believed.
                    let children = view.entries.iter().filter(|_| brief.problem.is_none());
                    for entry in children {
                        if let Entry::Child { pointer, separator } = entry {
                            let below = level.and_then(|level| level.checked_sub(1));
                            open.push_back((*pointer, below, Some(at), separator.clone()));
                        }
                    }
                }
            }
            walk.nodes.push(brief);
        }
        walk.levels = levels_of(&walk.nodes);
        Ok(Box::new(walk))
    }
}

#[cfg(test)]
mod tests;
