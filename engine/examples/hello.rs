//! The smallest program: open, write, read, close.
//!
//! `cargo run -p northstar-engine --example hello [FILE]`

use northstar_engine::{Db, Error};

fn main() -> Result<(), Error> {
    let path = std::env::args_os().nth(1).unwrap_or_else(|| {
        std::env::temp_dir().join(format!("hello-{}.ns", std::process::id())).into_os_string()
    });
    let db = Db::open(&path)?;

    let mut w = db.begin_write()?;
    let visits = match w.get(b"visits")? {
        Some(value) => value.first().copied().unwrap_or(0).wrapping_add(1),
        None => 1,
    };
    w.put(b"greeting", b"hello, world")?;
    w.put(b"visits", [visits])?;
    let id = w.commit()?;

    let r = db.begin_read()?;
    if let Some(greeting) = r.get(b"greeting")? {
        println!("{} (visit {visits}, state {id}, {} rows)", greeting.escape_ascii(), r.len());
    }
    drop(r);
    db.close()
}
