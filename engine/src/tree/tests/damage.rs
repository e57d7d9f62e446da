//! Trees on pages that are damaged, with checksums that fit: every answer is right or `Corrupt`, and
//! none takes for ever.

use super::*;
use crate::format::node::{Node, SLOTS_OFFSET, Slot};
use crate::format::page::{PageHeader, seal_page};
use crate::ids::PageId;

const UUID: FileUuid = FileUuid([3; 16]);

/// A written tree: the file's pages, and the tree in it.
fn written() -> (Vec<[u8; PAGE_BYTES]>, TreeRoot, Model) {
    let mut harness = Harness::new(Some(5));
    harness.write(|writer, model| {
        for number in 0..120u32 {
            let key = format!("key{number:05}").into_bytes();
            let value = vec![number as u8; if number % 40 == 7 { 40_000 } else { 30 }];
            writer.insert(&key, &value).unwrap();
            model.insert(key, value);
        }
    });
    harness.write_back();
    let mut pages = Vec::new();
    for id in 0..harness.pager.page_count() {
        let mut page = [0; PAGE_BYTES];
        harness.file.read_at(&mut page, id * PAGE_BYTES as u64).unwrap();
        pages.push(page);
    }
    (pages, harness.root, harness.model)
}

fn open(pages: &[[u8; PAGE_BYTES]]) -> Arc<Pager> {
    let storage = MemoryStorage::new();
    let file = storage.open(Path::new("t.ns"), OpenMode::CreateNew).unwrap();
    file.write_at(pages.as_flattened(), 0).unwrap();
    pager_on(file, pages.len() as u64, None)
}

fn restamp(pages: &mut [[u8; PAGE_BYTES]], id: usize) {
    let header = PageHeader::decode(&pages[id]).unwrap();
    seal_page(&mut pages[id], UUID, PageHeader { page_id: PageId::new(id as u64), ..header });
}

/// Does everything one can do with a tree; what it says does not matter, that it ends does.
fn exercise(pages: &[[u8; PAGE_BYTES]], root: TreeRoot, model: &Model) -> usize {
    let pager = open(pages);
    let view = pager.view();
    let mut errors = 0;
    for key in model.keys() {
        errors += usize::from(get(view, &root, key).is_err());
    }
    errors += usize::from(get_many(view, &root, &model.keys().collect::<Vec<_>>()).is_err());
    let all = || Range::new(view, &root, Bound::Unbounded, Bound::Unbounded);
    errors += all().filter(Result::is_err).count();
    errors += all().rev().filter(Result::is_err).count();
    let mut cursor = Cursor::new(view, &root);
    while let Ok(Some(_)) = cursor.next() {}
    while let Ok(Some(_)) = cursor.prev() {}
    errors += usize::from(walk(view, &root, &mut |_| true).is_err());
    check(view, &root, &mut |_| (), &mut |_| errors += 1);
    errors += Diff::new((view, &TreeRoot::EMPTY), (view, &root)).filter(Result::is_err).count();
    type Change = fn(&mut Writer, &Model) -> crate::Result<u64>;
    let changes: [Change; 6] = [
        |writer, model| {
            for key in model.keys() {
                writer.insert(key, b"new")?;
                writer.insert(&[key, &b"x"[..]].concat(), &[1; 2000])?;
            }
            Ok(0)
        },
        |writer, model| {
            for key in model.keys() {
                writer.remove(key)?;
            }
            Ok(0)
        },
        |writer, _| writer.remove_range(Bound::Unbounded, Bound::Unbounded),
        |writer, _| writer.remove_range(Bound::Excluded(b"key00020"), Bound::Included(b"key00090")),
        |writer, _| Ok(writer.relocate(b"", 2, 40)?.pages),
        |writer, _| Ok(writer.pack(b"", 40)?.pages),
    ];
    for change in changes {
        let pager = open(pages);
        let mut writer = Writer::new(pager.edit(TxnId::new(2)), root);
        match change(&mut writer, model) {
            Ok(_) => {
                let (_, finished) = writer.finish();
                for run in finished.retired {
                    pager.release(run.run());
                }
                let mut write_back = pager.begin_write_back(TxnId::new(2));
                while !pager.write_back_step(&mut write_back, 64).unwrap().done {}
            }
            Err(_) => errors += 1,
        }
    }
    errors
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn damage_that_checksums_do_not_show_is_survived(
        damage in proptest::collection::vec((any::<u16>(), any::<u16>(), any::<u8>()), 1..6),
    ) {
        let (mut pages, root, model) = written();
        for (page, at, byte) in damage {
            let id = 2 + usize::from(page) % (pages.len() - 2);
            // Mostly where the structure is.
            let at = if at % 4 == 0 { usize::from(at) % PAGE_BYTES } else { usize::from(at) % 200 };
            pages[id][at] = byte;
            restamp(&mut pages, id);
        }
        exercise(&pages, root, &model);
    }

    #[test]
    fn pages_that_name_wrong_children_are_survived(
        swaps in proptest::collection::vec((any::<u16>(), any::<u16>(), any::<u8>(), any::<u8>()), 1..4),
    ) {
        // A child pointer of one node is replaced by a valid one of another: cycles by page id, one
        // page reached twice, subtrees in the wrong order.
        let (mut pages, root, model) = written();
        let internal: Vec<usize> = (2..pages.len()).filter(|id| pages[*id][10] == 1).collect();
        for (target, source, to, from) in swaps {
            let target = internal[usize::from(target) % internal.len()];
            let source = internal[usize::from(source) % internal.len()];
            let child = |node: Node<'_>, at: u8| node.child(usize::from(at) % node.count());
            let pointer = child(Node::new(&pages[source]), from);
            let index = usize::from(to) % Node::new(&pages[target]).count();
            crate::format::node::NodeMut::new(&mut pages[target]).set_child(index, pointer);
            restamp(&mut pages, target);
        }
        exercise(&pages, root, &model);
    }
}

#[test]
fn a_page_that_does_not_verify_is_an_error_each_time() {
    let (mut pages, root, model) = written();
    let intact = pages.clone();
    assert_eq!(exercise(&pages, root, &model), 0, "sound before the damage");
    for id in 2..pages.len() {
        pages[id][SLOTS_OFFSET + Slot::BYTES] ^= 1;
        assert!(exercise(&pages, root, &model) > 0, "page {id}");
        pages[id] = intact[id];
    }
}

#[test]
fn a_page_swapped_with_another_is_found_out() {
    let (pages, root, model) = written();
    for id in 2..pages.len() - 1 {
        let mut swapped = pages.clone();
        swapped.swap(id, id + 1);
        assert!(exercise(&swapped, root, &model) > 0, "pages {id} and {}", id + 1);
    }
}
