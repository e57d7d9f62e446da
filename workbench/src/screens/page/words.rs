//! The page as a whole in words: what it is, and whether it is sound.

use super::PageScreen;
use crate::model::pages::LoadedPage;
use northstar_engine::format::page::PageType;

impl PageScreen {
    /// The state of the page in a line.
    pub(super) fn verdict_line(page: &LoadedPage) -> (bool, String) {
        let view = &page.view;
        let stored = view.crc_stored.map_or("none".to_owned(), |crc| format!("{crc:08x}"));
        if view.zero {
            return (true, "never written: every byte is zero".to_owned());
        }
        if view.verified {
            return (true, format!("✓ checksum {stored}"));
        }
        if page.moved {
            return (false, "moved: a writer changed the page while it was read".to_owned());
        }
        if view.crc_stored == Some(view.crc_computed) {
            return (false, format!("✗ checksum {stored} is right, another rule is broken"));
        }
        (false, format!("✗ checksum: stored {stored}, computed {:08x}", view.crc_computed))
    }

    pub(super) fn title(page: &LoadedPage) -> String {
        let view = &page.view;
        let kind = view.page_type.map_or("unknown kind", |page_type| page_type.name());
        let kind = if view.zero { "empty" } else { kind };
        let mut title = format!("p{} {kind}", view.id);
        let is_node = matches!(view.page_type, Some(PageType::Internal | PageType::Leaf));
        if let Some(level) = view.level.filter(|_| is_node) {
            title += &format!(" level {level}");
        }
        title += &format!(" @{:#x}", view.offset);
        if let Some(birth) = view.birth {
            title += &format!(" txn {birth}");
        }
        title
    }
}
