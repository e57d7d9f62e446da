//! Glyph and role of a class, and the role of a state.

use crate::model::pagemap::Class;
use crate::theme::Role;
use crate::widgets::bar::STEPS;
use northstar_engine::inspect::find::PageState;

/// How a cell looks. No two classes of one mode share a glyph: meaning is never colour alone.
pub(super) fn cell(class: Class) -> (char, Role) {
    if let Some(step) = class.heat() {
        return (STEPS[usize::from(step)], Role::Heat(step));
    }
    match class {
        Class::Bad => ('✗', Role::Bad),
        Class::Orphan => ('?', Role::Warn),
        Class::MetaA => ('A', Role::Meta),
        Class::MetaB => ('B', Role::Meta),
        Class::Meta => ('M', Role::Meta),
        Class::Internal => ('▓', Role::Internal),
        Class::Leaf | Class::Live | Class::Older => ('▒', Role::Leaf),
        Class::Overflow => ('◆', Role::Overflow),
        Class::Bitmap | Class::Chain => ('b', Role::Chain),
        Class::History => ('h', Role::Chain),
        Class::RetiredList => ('r', Role::Chain),
        Class::Kept => ('k', Role::Old),
        Class::Retired => ('░', Role::Old),
        Class::Outside => ('-', Role::Dim),
        Class::Used => ('u', Role::Text),
        Class::Verifies => ('✓', Role::Good),
        Class::FreeUnverified => ('x', Role::Dim),
        Class::Written => ('+', Role::Added),
        Class::Free => ('·', Role::Free),
        Class::NeverWritten => ('_', Role::Dim),
        Class::NotKnown => ('~', Role::Dim),
        Class::NotSeen | Class::NotPooled => ('-', Role::Dim),
        Class::Pinned => ('◆', Role::Overflow),
        Class::Private => ('◐', Role::Internal),
        Class::BeingWritten => ('◌', Role::Changed),
        Class::Dirty => ('●', Role::Added),
        Class::Hot => ('▓', Role::Leaf),
        Class::Cold => ('░', Role::Old),
        _ => (' ', Role::Dim),
    }
}

/// The role of a state in the text beside the map.
pub(super) fn state_role(state: PageState) -> Role {
    match state {
        PageState::Bad => Role::Bad,
        PageState::Orphan => Role::Warn,
        PageState::Free | PageState::Outside => Role::Dim,
        _ => Role::Text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::theme::Look;

    #[test]
    fn classes_of_one_mode_have_glyphs_of_their_own() {
        use Class as C;
        let always = [C::Bad, C::Orphan, C::Free, C::NeverWritten, C::Unread];
        let modes: [&[Class]; 5] = [
            &[
                C::MetaA,
                C::MetaB,
                C::Internal,
                C::Leaf,
                C::Overflow,
                C::Bitmap,
                C::History,
                C::RetiredList,
            ],
            &[C::Meta, C::Live, C::Kept, C::Chain, C::Retired, C::Outside, C::Used, C::NotKnown],
            &[C::Verifies, C::FreeUnverified],
            &[C::Written, C::Older],
            &[C::Pinned, C::Private, C::BeingWritten, C::Dirty, C::Hot, C::Cold, C::NotPooled],
        ];
        for ascii in [false, true] {
            let look = Look { ascii, ..Look::default() };
            for mode in modes {
                let mut seen = std::collections::BTreeMap::new();
                for class in always.iter().chain(mode) {
                    let glyph = look.glyph(cell(*class).0);
                    let other = seen.insert(glyph, *class);
                    assert_eq!(other, None, "{class:?} as {glyph:?}, ASCII: {ascii}");
                }
            }
        }
    }
}
