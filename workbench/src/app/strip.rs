//! The strip of a lesson, between screen and footer: what to read, what to press, what the engine did.

use super::App;
use crate::action::Act;
use crate::keymap::spelled;
use crate::model::engine;
use crate::text;
use crate::theme::Role;
use crate::widgets::Painter;

/// Rows of the strip at least, its rule included.
const ROWS_MIN: u16 = 3;

/// A line of the strip.
type Line = (Role, String);

impl App {
    /// Rows the strip takes of a terminal; none without a lesson.
    pub(super) fn strip_rows(&self, (width, height): (u16, u16)) -> u16 {
        if self.class.is_none() {
            return 0;
        }
        let (reading, below) = self.strip_lines(width);
        let wanted = u16::try_from(1 + reading.len() + below.len()).unwrap_or(u16::MAX);
        wanted.clamp(ROWS_MIN, (height * 2 / 5).max(ROWS_MIN))
    }

    /// What is to be read, and what must be seen however low the terminal is.
    fn strip_lines(&self, width: u16) -> (Vec<Line>, Vec<Line>) {
        let Some(step) = self.course().and_then(|course| course.current()) else {
            return Default::default();
        };
        let wide = usize::from(width.saturating_sub(2)).max(1);
        let mut reading: Vec<Line> = Vec::new();
        if let Some(exercised) = &self.context.exercised {
            let report = format!("✓ {}", exercised.report);
            let lines = text::wrap(&report, wide).into_iter();
            reading.extend(lines.map(|line| (Role::Good, line)));
            reading.push((Role::Dim, text::cut(&engine::state(&exercised.stats), wide)));
        }
        reading.extend(text::wrap(step.text, wide).into_iter().map(|line| (Role::Text, line)));
        let mut hint = format!("▶ press  {}", self.hint(step.press));
        if let Some(exercise) = step.exercise {
            hint += &format!("   and the engine does: {}", exercise.what());
        }
        (reading, vec![(Role::Key, text::cut(&hint, wide))])
    }

    pub(super) fn draw_strip(&self, painter: &mut Painter<'_>) {
        let Some(course) = self.course() else { return };
        let Some(lesson) = course.lesson() else { return };
        let (width, height) = (painter.width(), painter.height());
        let rows = self.strip_rows((width, height));
        let top = height.saturating_sub(1 + rows);
        painter.fill(0, top, width, 1, '━', Role::Accent);
        let key =
            |act: Act| self.keymap.keys(act).first().map(|key| spelled(*key)).unwrap_or_default();
        let last = course.step + 1 == lesson.steps.len();
        let head = format!(
            " {}  {}/{}  {} {}  {} ends ",
            lesson.title,
            course.step + 1,
            lesson.steps.len(),
            key(Act::LessonNext),
            if last { "finishes" } else { "skips" },
            key(Act::LessonEnd)
        );
        painter.put(2, top, &text::cut(&head, usize::from(width.saturating_sub(4))), Role::Accent);
        let mut part = painter.part(1, top + 1, width.saturating_sub(2), rows.saturating_sub(1));
        let (reading, below) = self.strip_lines(width);
        let room = usize::from(part.height()).saturating_sub(below.len());
        // What the engine did gives way to what is to be read.
        let cut = reading.len().saturating_sub(room);
        let said = reading.iter().take_while(|(role, _)| *role != Role::Text).count();
        let from = cut.min(said);
        let shown = reading.iter().skip(from).take(room).chain(&below);
        for (y, (role, line)) in (0_u16..).zip(shown) {
            part.put(0, y, line, *role);
        }
    }
}
