//! The whole tree at once: its levels to scale with how full their nodes are, or written as a graph.

use super::TreeScreen;
use crate::job::Data;
use crate::model::tree::{LevelShape, Walk, WalkTree};
use crate::screens::Effect;
use crate::text;
use crate::theme::Role;
use crate::widgets::Painter;
use crate::widgets::bar::spark;

pub(super) const WALK: &str = "walk";
/// What the graph is saved as.
const GRAPH_FILE: &str = "northstar-tree.dot";

impl TreeScreen {
    /// The walk through the tree that is shown, if there was one.
    pub(super) fn shown_walk(&self) -> Option<&Walk> {
        self.walk.as_ref().filter(|walk| Some(walk.root) == self.root)
    }

    fn walk(&self) -> Vec<Effect> {
        let job = self.root.map(|root| Effect::Run(WALK, Box::new(WalkTree { root })));
        job.into_iter().collect()
    }

    /// Walks the tree if its shape is to be shown and is not known.
    pub(super) fn walk_for_shape(&self) -> Vec<Effect> {
        match self.shape && self.shown_walk().is_none() {
            true => self.walk(),
            false => Vec::new(),
        }
    }

    /// Writes the tree as a graph, walking it first if it has to be.
    pub(super) fn export_graph(&mut self) -> Vec<Effect> {
        if self.shown_walk().is_some() {
            return self.save_graph();
        }
        self.export = true;
        self.walk()
    }

    fn save_graph(&self) -> Vec<Effect> {
        let Some(walk) = self.shown_walk() else { return Vec::new() };
        let said = format!("{}, for dot -Tsvg", text::plural(walk.nodes.len() as u64, "node"));
        vec![Effect::Save(GRAPH_FILE.to_owned(), walk.dot()), Effect::Say(said)]
    }

    /// The tree has been walked.
    pub(super) fn walked(&mut self, data: Data) -> Vec<Effect> {
        self.walk = data.downcast::<Walk>().ok().map(|walk| *walk);
        match std::mem::take(&mut self.export) {
            true => self.save_graph(),
            false => Vec::new(),
        }
    }

    pub(super) fn draw_shape(&self, painter: &mut Painter<'_>) {
        let width = usize::from(painter.width());
        for (y, (role, line)) in (0_u16..).zip(self.shape_lines(width)) {
            painter.put(0, y, &text::cut_at_words(&line, width), role);
        }
    }

    /// Two lines a level, the root's first: its nodes to scale, and its figures.
    pub(super) fn shape_lines(&self, width: usize) -> Vec<(Role, String)> {
        let Some(walk) = self.shown_walk() else {
            return vec![(Role::Dim, "walking the whole tree…".to_owned())];
        };
        let levels = &walk.levels;
        let widest = levels.iter().map(|level| level.nodes).max().unwrap_or(0).max(1);
        let mut lines = Vec::new();
        for level in levels {
            lines.push((Role::Internal, to_scale(level, widest, width)));
            for line in figures(level, width) {
                lines.push((Role::Text, line));
            }
            if level.broken > 0 {
                let nodes = text::plural(level.broken, "node");
                lines.push((Role::Bad, format!("✗ {nodes} of it cannot be read whole")));
            }
        }
        if walk.cut {
            lines.push((Role::Warn, "there are more nodes: they were not walked".to_owned()));
        }
        lines
    }
}

/// A level in the middle of `width` columns: as wide as it has nodes, as dark as they are full.
fn to_scale(level: &LevelShape, widest: u64, width: usize) -> String {
    // On a scale of logarithms: a root beside a million leaves still has its cell.
    let scale = |nodes: u64| f64::from(u32::try_from(nodes).unwrap_or(u32::MAX)).ln_1p();
    let cells = (scale(level.nodes) / scale(widest) * width as f64).round().max(1.0) as usize;
    let block = match level.fill_permille {
        0..250 => '░',
        250..500 => '▒',
        500..750 => '▓',
        _ => '█',
    };
    let cells = cells.min(width);
    let row: String = std::iter::repeat_n(block, cells).collect();
    format!("{}{row}", " ".repeat((width - cells) / 2))
}

/// Its figures, and how many of its nodes are how full; in two lines where one has no room.
fn figures(level: &LevelShape, width: usize) -> Vec<String> {
    let figures = format!(
        "level {}: {}, {}, {} % full",
        level.level,
        text::plural(level.nodes, "node"),
        match level.entries {
            1 => "1 entry".to_owned(),
            entries => format!("{} entries", text::count(entries)),
        },
        level.fill_permille / 10
    );
    if level.nodes < 2 {
        return vec![figures];
    }
    let spread = format!("nodes by fill: 0 % ▕{}▏ 100 %", spark(&level.fill));
    let both = format!("{figures}   {spread}");
    if text::width(&both) <= width { vec![both] } else { vec![figures, spread] }
}
