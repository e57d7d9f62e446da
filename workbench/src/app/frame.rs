//! The frame around every screen: file line, breadcrumb, footer; and the overlays on top.

use super::App;
use super::follow::View;
use crate::job::Owner;
use crate::keymap::short;
use crate::screen_id::ScreenId;
use crate::theme::Role;
use crate::widgets::{Painter, bar::bar, text};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// Smallest terminal that gets more than one plain line.
pub const SIZE_MIN: (u16, u16) = (40, 10);

impl App {
    /// The part of the terminal that belongs to the screen.
    pub(super) fn body(&self) -> Rect {
        let (width, height) = self.size;
        let strip = self.strip_rows(self.size);
        Rect::new(0, 2, width, height.saturating_sub(3 + strip))
    }

    /// Draws everything into `buffer`, whatever its size.
    pub fn draw(&self, buffer: &mut Buffer) {
        let area = buffer.area;
        let mut painter = Painter::new(buffer, area, self.look);
        if area.width < SIZE_MIN.0 || area.height < SIZE_MIN.1 {
            painter.put(0, 0, "northstar needs 40x10; q quits", Role::Text);
            return;
        }
        self.draw_file_line(&mut painter);
        self.draw_trail(&mut painter);
        {
            let strip = self.strip_rows((area.width, area.height));
            let height = area.height.saturating_sub(3 + strip);
            let mut part = painter.part(0, 2, area.width, height);
            self.screen(self.current).draw(&mut part, &self.context);
        }
        self.draw_strip(&mut painter);
        self.draw_footer(&mut painter);
        for dialog in &self.dialogs {
            let mut part = painter.part(0, 1, area.width, area.height.saturating_sub(2));
            dialog.draw(&mut part);
        }
    }

    /// What is on the screen now.
    pub(super) fn picture(&self) -> Buffer {
        let (width, height) = self.size;
        let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
        self.draw(&mut buffer);
        buffer
    }

    fn draw_file_line(&self, painter: &mut Painter<'_>) {
        let summary = &self.context.summary;
        let width = painter.width();
        let narrow = width < 70;
        // Right to left in importance: the state of the file, then what there is of it.
        let mut right: Vec<(Role, String)> = Vec::new();
        right.push(match (self.view(), self.missed) {
            (View::Pinned, Some(missed)) => {
                (Role::Warn, format!("◐ PINNED +{} txns, f follows", text::count(missed)))
            }
            (View::Pinned, None) => (Role::Warn, "◐ PINNED".to_owned()),
            (View::Frozen, _) if narrow => (Role::Dim, "○ FROZEN".to_owned()),
            (View::Frozen, _) => (Role::Dim, "○ FROZEN, read-only mount".to_owned()),
            (View::Live, _) if summary.seen_changing => {
                (Role::Good, "● LIVE, writer seen".to_owned())
            }
            (View::Live, _) => (Role::Dim, "● LIVE".to_owned()),
        });
        let (errors, warnings) = (summary.errors, summary.warnings);
        let counted = |mark: &str, count: u64, noun: &str| match narrow {
            true => format!("{mark}{count}"),
            false => format!("{mark} {}", text::plural(count, noun)),
        };
        if errors > 0 {
            right.push((Role::Bad, counted("✗", errors, "error")));
        }
        if warnings > 0 {
            right.push((Role::Warn, counted("!", warnings, "warning")));
        }
        if summary.checked && errors == 0 && warnings == 0 {
            right.push((Role::Good, if narrow { "✓" } else { "✓ sound" }.to_owned()));
        }
        let taken: usize = right.iter().map(|(_, text)| text::width(text.trim_end()) + 2).sum();
        let left_width = width.saturating_sub(u16::try_from(taken).unwrap_or(u16::MAX));
        {
            let mut left = painter.part(0, 0, left_width, 1);
            let mut x = left.put(0, 0, " ", Role::Text);
            x = left.put(x, 0, &summary.name, Role::Accent);
            for (at, piece) in summary.pieces(narrow).iter().enumerate() {
                // Half a number is worse than none; the first piece is cut instead.
                let room = usize::from(left_width.saturating_sub(x + 2));
                if at > 0 && text::width(piece) > room {
                    break;
                }
                x = left.put(x + 2, 0, &text::cut(piece, room), Role::Text);
            }
        }
        let mut x = left_width.saturating_add(1);
        for (role, piece) in &right {
            x = painter.put(x, 0, piece.trim_end(), *role).saturating_add(2);
        }
    }

    fn draw_trail(&self, painter: &mut Painter<'_>) {
        let width = usize::from(painter.width());
        let here = self.place().to_string();
        let mut crumbs: Vec<String> = vec![here];
        let mut used = text::width(&crumbs[0]) + 2;
        for place in self.jumps.trail().iter().rev() {
            let crumb = place.to_string();
            if crumbs.last() == Some(&crumb) {
                continue;
            }
            used += text::width(&crumb) + 3;
            // The "… › " in front has its room too.
            if used + 4 > width || crumbs.len() > 6 {
                crumbs.push("…".to_owned());
                break;
            }
            crumbs.push(crumb);
        }
        crumbs.reverse();
        let last = crumbs.len().saturating_sub(1);
        let mut x = painter.put(0, 1, " ", Role::Text);
        for (at, crumb) in crumbs.iter().enumerate() {
            let role = if at == last { Role::Title } else { Role::Dim };
            x = painter.put(x, 1, crumb, role);
            if at < last {
                x = painter.put(x, 1, " › ", Role::Dim);
            }
        }
        self.draw_screen_numbers(painter, x);
    }

    /// The number keys at the right of the breadcrumb: with their screens' names, spaced or close as there
    /// is room, else only that there are such keys.
    fn draw_screen_numbers(&self, painter: &mut Painter<'_>, from: u16) {
        let room = usize::from(painter.width().saturating_sub(from)).saturating_sub(2);
        let screens: Vec<(ScreenId, char)> =
            ScreenId::ALL.iter().filter_map(|id| Some((*id, id.digit()?))).collect();
        let width_with = |gap: usize| -> usize {
            let each = screens.iter().map(|(id, _)| 1 + gap + text::width(id.name()) + 1 + gap);
            each.sum::<usize>()
        };
        let Some(gap) = [1, 0].into_iter().find(|gap| width_with(*gap) <= room) else {
            let short = "1…9 0 screens ";
            if text::width(short) <= room {
                painter.put_right(painter.width(), 1, short, Role::Dim);
            }
            return;
        };
        let width = u16::try_from(width_with(gap)).unwrap_or(u16::MAX);
        let mut x = painter.width().saturating_sub(width);
        let gap = u16::try_from(gap).unwrap_or(0);
        for (id, digit) in &screens {
            let here = *id == self.current;
            painter.put_char(x, 1, *digit, Role::Key);
            let role = if here { Role::Accent } else { Role::Dim };
            x = painter.put(x + 1 + gap, 1, id.name(), role).saturating_add(1 + gap);
        }
    }

    fn draw_footer(&self, painter: &mut Painter<'_>) {
        let y = painter.height().saturating_sub(1);
        if let Some(note) = &self.note {
            let role = if note.bad { Role::Bad } else { Role::Accent };
            let mark = if note.bad { "✗ " } else { "" };
            let x = painter.put(1, y, mark, role);
            let room = usize::from(painter.width().saturating_sub(x).saturating_sub(1));
            painter.put(x, y, &text::cut(&note.text, room), role);
            return;
        }
        let mut width = painter.width();
        if let Some(status) = self.job_status() {
            let taken = u16::try_from(text::width(&status)).unwrap_or(u16::MAX);
            width = width.saturating_sub(taken.saturating_add(2));
            painter.put(width.saturating_add(1), y, &status, Role::Accent);
        }
        let mut footer = painter.part(0, y, width, 1);
        let mut x = 1_u16;
        for (key, name) in self.hints() {
            let taken = u16::try_from(text::width(&key) + 1 + text::width(name)).unwrap_or(99);
            if x.saturating_add(taken) > width {
                break;
            }
            x = footer.put(x, 0, &key, Role::Key);
            x = footer.put(x.saturating_add(1), 0, name, Role::Dim).saturating_add(2);
        }
    }

    /// Keys and names for the footer: help first, so that nobody is lost, then what works here.
    fn hints(&self) -> Vec<(String, &'static str)> {
        use crate::action::Act;
        let own = self.screen(self.current).works(&self.context);
        let movement = [Act::Up, Act::Down, Act::Left, Act::Right, Act::PageUp, Act::PageDown];
        let own = own
            .into_iter()
            .filter(|act| !movement.contains(act))
            .filter(|act| !matches!(act, Act::Top | Act::End | Act::PrevPane));
        let general =
            [Act::Goto, Act::JumpBack, Act::Referrers, Act::Copy, Act::Palette, Act::Quit];
        let general = general.into_iter().filter(|act| self.works(*act));
        std::iter::once(Act::Help)
            .chain(own)
            .chain(general)
            .filter_map(|act| {
                let key = self.keymap.keys(act).first()?;
                Some((short(*key), act.row().name))
            })
            .collect()
    }

    fn job_status(&self) -> Option<String> {
        let job = self
            .running
            .iter()
            .filter(|job| {
                job.key.owner != Owner::App
                    || ![super::SUMMARY, super::WATCH].contains(&job.key.slot)
            })
            .max_by_key(|job| job.progress.is_some())?;
        let Some((done, total, rate)) = job.progress else { return Some(job.name.clone()) };
        if total == 0 {
            return Some(format!("{} {}  Esc stops", job.name, text::count(done)));
        }
        let left = total.saturating_sub(done).checked_div(rate);
        let eta = left.filter(|seconds| *seconds > 1).map(|seconds| format!(" {seconds} s left"));
        Some(format!(
            "{} {} {} %{}  Esc stops",
            job.name,
            bar(done, total, 8),
            text::percent(done, total),
            eta.unwrap_or_default()
        ))
    }
}
