//! The demo database that the tests of one program share.

use northstar_workbench::demo::{self, Demo};
use std::sync::{Arc, Mutex, Weak};

/// One demo database for the tests that run now. The last that lets go of it removes its folder, which a
/// static would leave behind.
pub(crate) fn demo() -> Arc<Demo> {
    static DEMO: Mutex<Weak<Demo>> = Mutex::new(Weak::new());
    let mut known = DEMO.lock().expect("no panic while held");
    known.upgrade().unwrap_or_else(|| {
        let built = Arc::new(demo::build().expect("the demo database is built"));
        *known = Arc::downgrade(&built);
        built
    })
}
