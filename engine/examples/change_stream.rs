//! The commit stream: one thread commits, another keeps a count of rows by their first letter, from
//! nothing but the stream.
//!
//! `cargo run -p northstar-engine --example change_stream`

use northstar_engine::{CommitOp, Error, Options, TxnId};
use std::{collections::BTreeMap, thread, time::Duration};

const COMMITS: u64 = 200;

fn main() -> Result<(), Error> {
    let db = Options::new().open_in_memory()?;
    let consumer = {
        let db = db.clone();
        thread::spawn(move || -> Result<BTreeMap<char, i64>, Error> {
            let mut rows = BTreeMap::new();
            for commit in db.follow(TxnId::new(1), Duration::from_secs(10))? {
                let commit = commit?;
                for op in commit.ops {
                    let (key, change) = match op {
                        CommitOp::Put { key, .. } => (key, 1),
                        CommitOp::Del { key } => (key, -1),
                        CommitOp::DelRange { .. } => continue, // Not used below.
                    };
                    let letter = key.first().map_or('-', |&byte| char::from(byte));
                    *rows.entry(letter).or_default() += change;
                }
                if commit.txn_id == TxnId::new(COMMITS) {
                    break;
                }
            }
            Ok(rows)
        })
    };

    for n in 0..COMMITS {
        let mut w = db.begin_write()?;
        let letter = char::from(b'a' + (n % 5) as u8);
        w.put(format!("{letter}{n}"), n.to_be_bytes())?;
        if n % 10 == 9 {
            w.del(format!("{}{}", char::from(b'a' + (n % 5) as u8), n - 5))?;
        }
        w.commit()?;
    }

    let rows = consumer.join().unwrap_or_else(|_| Ok(BTreeMap::new()))?;
    println!("rows by first letter, counted from {COMMITS} commits: {rows:?}");
    let real = db.begin_read()?.len();
    println!("rows in the database: {real}, in the count: {}", rows.values().sum::<i64>());
    db.close()
}
