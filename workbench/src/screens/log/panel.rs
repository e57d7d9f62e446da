//! What stands above the list when asked for: how large the commits are, or which the log proves durable at once.

use super::LogScreen;
use crate::model::log::{CommitSizes, Group, group_of, group_sizes, groups, record_bytes};
use crate::text;
use crate::theme::Role;
use crate::widgets::bar::{bar, spark, squeeze};
use crate::widgets::{Painter, histogram};
use northstar_engine::Lsn;

/// From this height of the screen on the panel has all its rows,
const HIGH: u16 = 18;
/// which are so many,
const ROWS: u16 = 8;
/// and else so many.
const ROWS_LOW: u16 = 2;
/// Columns of the histogram at most.
const COLUMNS_MAX: u16 = 100;
/// Bars of groups by size; the smallest share one where there are more sizes.
const BARS_MAX: usize = 5;
/// What a group is, and what it is not.
const GROUP: &str = "A group: commits that the first record behind them proves durable at once. By one \
    sync, or by several between two records: the log does not tell.";

/// What the panel shows.
#[derive(Clone, Debug, Default)]
pub(super) enum Panel {
    /// Nothing: there is none.
    #[default]
    Hidden,
    /// Commits by size, and their sizes in their order.
    Sizes(CommitSizes, Vec<u64>),
    /// Commits by their groups.
    Groups(Vec<Group>),
}

/// Where a commit stands in its group, as a bracket beside the list draws it.
const fn bracket(first: bool, last: bool) -> Option<&'static str> {
    match (first, last) {
        (true, true) => None,
        (true, false) => Some("┐"),
        (false, true) => Some("┘"),
        (false, false) => Some("│"),
    }
}

impl LogScreen {
    /// Sizes, groups, nothing, and round.
    pub(super) fn next_panel(&mut self) {
        self.panel = match self.panel {
            Panel::Hidden => self.sizes(),
            Panel::Sizes(..) => Panel::Groups(groups(&self.records)),
            Panel::Groups(_) => Panel::Hidden,
        };
    }

    /// The records have changed.
    pub(super) fn renew_panel(&mut self) {
        self.panel = match self.panel {
            Panel::Hidden => Panel::Hidden,
            Panel::Sizes(..) => self.sizes(),
            Panel::Groups(_) => Panel::Groups(groups(&self.records)),
        };
    }

    fn sizes(&self) -> Panel {
        let commits = self.records.iter().filter(|record| record.is_commit());
        let in_order = commits.map(record_bytes).collect();
        Panel::Sizes(CommitSizes::of(&self.records), in_order)
    }

    /// The groups, while they are shown.
    pub(super) fn shown_groups(&self) -> &[Group] {
        match &self.panel {
            Panel::Groups(groups) => groups,
            Panel::Hidden | Panel::Sizes(..) => &[],
        }
    }

    /// The bracket beside the record at `lsn`.
    pub(super) fn bracket_at(&self, lsn: Lsn) -> Option<&'static str> {
        let group = group_of(self.shown_groups(), lsn)?;
        bracket(group.start == lsn, group.last_start == lsn)
    }

    /// Rows that the panel takes on a screen of `height`.
    pub(super) fn panel_rows(&self, height: u16) -> u16 {
        match self.panel {
            Panel::Hidden => 0,
            _ if height < HIGH => ROWS_LOW.min(height / 6).max(1),
            _ => ROWS,
        }
    }

    pub(super) fn draw_panel(&self, painter: &mut Painter<'_>) {
        match &self.panel {
            Panel::Hidden => {}
            Panel::Sizes(sizes, in_order) => draw_sizes(sizes, in_order, painter),
            Panel::Groups(groups) => draw_groups(groups, painter),
        }
    }

    /// The panel in lines of plain text.
    pub(super) fn panel_text(&self) -> Vec<String> {
        match &self.panel {
            Panel::Hidden => Vec::new(),
            Panel::Sizes(sizes, _) => {
                let counted = sizes.counted();
                let line = |(bytes, count): &(u64, u64)| {
                    format!("  {bytes} B: {}", text::plural(*count, "commit"))
                };
                std::iter::once(sizes_head(sizes)).chain(counted.iter().map(line)).collect()
            }
            Panel::Groups(groups) => {
                let head = [groups_head(groups), GROUP.to_owned()];
                head.into_iter().chain(groups.iter().map(group_line)).collect()
            }
        }
    }
}

fn sizes_head(sizes: &CommitSizes) -> String {
    let at = |percent| text::bytes(sizes.percentile(percent));
    format!(
        "{}: half up to {}, 90 % up to {}, largest {}",
        text::plural(sizes.count(), "commit"),
        at(50),
        at(90),
        at(100)
    )
}

/// The head, the histogram over a scale of logarithms with its ends below, and the sizes one after the other.
fn draw_sizes(sizes: &CommitSizes, in_order: &[u64], painter: &mut Painter<'_>) {
    let (width, rows) = (painter.width().saturating_sub(2), painter.height());
    painter.put(1, 0, &text::cut(&sizes_head(sizes), usize::from(width)), Role::Title);
    let columns = width.min(COLUMNS_MAX);
    let counted = sizes.counted();
    let spread = histogram::spread(&counted, usize::from(columns));
    if rows <= ROWS_LOW {
        histogram::draw(
            &mut painter.part(1, 1, columns, rows.saturating_sub(1)),
            &spread,
            Role::Heat(5),
        );
        return;
    }
    let high = rows - 3;
    histogram::draw(&mut painter.part(1, 1, columns, high), &spread, Role::Heat(5));
    let ends = [counted.first(), counted.last()].map(|end| text::bytes(end.map_or(0, |end| end.0)));
    let [least, most] = ends;
    painter.put(1, 1 + high, &format!("{least}, small to large"), Role::Dim);
    painter.put_right(1 + columns, 1 + high, &most, Role::Dim);
    let name = "first to last ";
    let x = painter.put(1, 2 + high, name, Role::Dim);
    let room = usize::from(columns.saturating_sub(x - 1));
    painter.put(x, 2 + high, &spark(&squeeze(in_order, room)), Role::Heat(5));
}

fn groups_head(groups: &[Group]) -> String {
    let commits: u64 = groups.iter().map(|group| group.commits).sum();
    let mut line = format!(
        "{} in {}",
        text::plural(commits, "commit"),
        text::plural(groups.len() as u64, "group")
    );
    if let Some(largest) = groups.iter().max_by_key(|group| group.commits) {
        line += &format!("; largest: {}", txns(largest));
    }
    if let Some(open) = groups.last().filter(|group| group.proven_by.is_none()) {
        line += &format!("; unproven: {}", txns(open));
    }
    line
}

fn txns(group: &Group) -> String {
    match group.commits {
        1 => format!("txn {}", group.first),
        commits => format!("{commits}, txn {} to {}", group.first, group.last),
    }
}

/// A group and what proves it durable.
pub(super) fn group_line(group: &Group) -> String {
    let (who, them) = match group.commits {
        1 => (format!("txn {}, alone", group.first), "it"),
        commits => (format!("txn {} to {}, {commits} commits", group.first, group.last), "them"),
    };
    match group.proven_by {
        Some(lsn) => format!("{who}: the record at {lsn} proves {them} durable"),
        None => format!("{who}: no record behind proves {them} durable"),
    }
}

/// The head, a bar for each size of group, and what a group is.
fn draw_groups(groups: &[Group], painter: &mut Painter<'_>) {
    let (width, rows) = (usize::from(painter.width().saturating_sub(2)), painter.height());
    painter.put(1, 0, &text::cut(&groups_head(groups), width), Role::Title);
    let sizes = if rows <= ROWS_LOW { Vec::new() } else { bars(groups) };
    let most = sizes.iter().map(|(_, count)| *count).max().unwrap_or(0);
    let mut y = 1;
    for (what, count) in &sizes {
        let x = painter.put(1, y, &format!("{what:<12}"), Role::Dim);
        let x = painter.put(x, y, &bar(*count, most, (width / 2).clamp(4, 40)), Role::Heat(5));
        painter.put(x + 1, y, &text::plural(*count, "group"), Role::Text);
        y += 1;
    }
    for line in text::wrap(GROUP, width) {
        painter.put(1, y, &line, Role::Dim);
        y += 1;
    }
}

/// How many groups are how large, in words; the smallest sizes together where there are too many.
fn bars(groups: &[Group]) -> Vec<(String, u64)> {
    let sizes = group_sizes(groups);
    let (small, large) = sizes.split_at(sizes.len().saturating_sub(BARS_MAX - 1));
    let in_words = |largest: u64| match largest {
        1 => "1 commit".to_owned(),
        2 => "2 commits".to_owned(),
        largest => format!("{} to {largest}", largest / 2 + 1),
    };
    let small_words = |largest: u64| match small.len() {
        1 => in_words(largest),
        _ => format!("up to {largest}"),
    };
    let first = small
        .last()
        .map(|(largest, _)| (small_words(*largest), small.iter().map(|(_, count)| count).sum()));
    let rest = large.iter().map(|(largest, count)| (in_words(*largest), *count));
    first.into_iter().chain(rest).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::theme::Look;
    use northstar_engine::TxnId;
    use ratatui::buffer::Buffer;
    use ratatui::layout::Rect;

    fn group(first: u64, last: u64, proven: Option<u64>) -> Group {
        Group {
            first: TxnId::new(first),
            last: TxnId::new(last),
            commits: last + 1 - first,
            start: Lsn::new(first * 100),
            last_start: Lsn::new(last * 100),
            proven_by: proven.map(Lsn::new),
        }
    }

    #[test]
    fn a_bracket_holds_a_group_together_and_one_commit_has_none() {
        let panel = Panel::Groups(vec![group(1, 3, Some(400)), group(4, 4, None)]);
        let screen = LogScreen { panel, ..LogScreen::default() };
        let brackets = [100, 200, 300, 400, 500].map(|lsn| screen.bracket_at(Lsn::new(lsn)));
        assert_eq!(brackets, [Some("┐"), Some("│"), Some("┘"), None, None]);
    }

    #[test]
    fn groups_are_told_with_what_proves_them() {
        let all = [group(1, 3, Some(400)), group(4, 4, None)];
        let head = "4 commits in 2 groups; largest: 3, txn 1 to 3; unproven: txn 4";
        assert_eq!(groups_head(&all), head);
        let [first, second] = all.map(|group| group_line(&group));
        assert_eq!(first, "txn 1 to 3, 3 commits: the record at 400 proves them durable");
        assert_eq!(second, "txn 4, alone: no record behind proves it durable");
        assert_eq!(groups_head(&[]), "0 commits in 0 groups");
    }

    #[test]
    fn every_group_is_in_a_bar() {
        for sizes in [0, 1, 4, 5, 6, 12] {
            let all: Vec<Group> = (0..sizes).map(|n| group(1, 1 << n, None)).collect();
            let bars = bars(&all);
            assert!(bars.len() <= BARS_MAX, "{bars:?}");
            assert_eq!(bars.iter().map(|(_, count)| count).sum::<u64>(), sizes, "{bars:?}");
        }
    }

    #[test]
    fn a_panel_draws_at_any_size() {
        let panels = [
            Panel::Hidden,
            Panel::Sizes(CommitSizes::default(), Vec::new()),
            Panel::Groups(Vec::new()),
            Panel::Groups((0..70).map(|n| group(n * 100, n * 100 + n, None)).collect()),
        ];
        for panel in panels {
            let screen = LogScreen { panel, ..LogScreen::default() };
            for (width, height) in [(0, 0), (1, 1), (3, 8), (40, 7), (80, 21), (300, 100)] {
                let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
                let area = buffer.area;
                let rows = screen.panel_rows(height);
                let mut painter = Painter::new(&mut buffer, area, Look::default());
                screen.draw_panel(&mut painter.part(0, 0, width, rows));
            }
            screen.panel_text();
        }
    }
}
