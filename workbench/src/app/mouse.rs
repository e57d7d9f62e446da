//! The mouse: the wheel moves, a click selects, a second click at the same cell opens.

use super::{App, Cmd};
use crate::action::Act;
use ratatui::crossterm::event::{MouseButton, MouseEvent, MouseEventKind};

impl App {
    pub(super) fn mouse(&mut self, event: MouseEvent, out: &mut Vec<Cmd>) {
        if !self.dialogs.is_empty() {
            return;
        }
        match event.kind {
            MouseEventKind::ScrollDown if self.works(Act::Down) => {
                for _ in 0..3 {
                    self.act(Act::Down, out);
                }
            }
            MouseEventKind::ScrollUp if self.works(Act::Up) => {
                for _ in 0..3 {
                    self.act(Act::Up, out);
                }
            }
            MouseEventKind::Down(MouseButton::Left) => {
                let again = self.last_click == Some((event.column, event.row));
                self.last_click = (!again).then_some((event.column, event.row));
                let body = self.body();
                if let (Some(x), Some(y)) =
                    (event.column.checked_sub(body.x), event.row.checked_sub(body.y))
                    && y < body.height
                {
                    self.touch();
                    let (screen, context) = self.screen_mut(self.current);
                    let effects = screen.click(x, y, again, context);
                    self.effects(self.current, effects, out);
                }
            }
            _ => {}
        }
    }
}
