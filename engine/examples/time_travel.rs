//! Past states: an account's balance at every moment, and what changed between two of them.
//!
//! `cargo run -p northstar-engine --example time_travel`

use northstar_engine::{Change, Error, History, Options, TxnId};

fn main() -> Result<(), Error> {
    let db = Options::new().history(History::All).open_in_memory()?;
    for (who, amount) in [("ada", 100_u64), ("bob", 50), ("ada", 70), ("cy", 30), ("bob", 80)] {
        let mut w = db.begin_write()?;
        w.put(who, amount.to_be_bytes())?;
        w.commit()?;
    }

    for entry in db.history()? {
        let r = db.begin_read_at(entry.txn_id)?;
        let mut line = format!("state {}:", entry.txn_id);
        for row in r.iter()? {
            let (who, amount) = row?;
            let amount = amount.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes));
            line.push_str(&format!(" {}={amount}", who.escape_ascii()));
        }
        println!("{line}");
    }

    let (from, to) = (TxnId::new(2), TxnId::new(5));
    println!("what changed from {from} to {to}:");
    for change in db.diff(from, to)? {
        match change? {
            Change::Put { key, .. } => println!("  set     {}", key.escape_ascii()),
            Change::Del { key } => println!("  removed {}", key.escape_ascii()),
        }
    }
    db.close()
}
