use std::os::unix::fs::PermissionsExt;

use tokio::io::AsyncReadExt;

use super::*;
use crate::store::SET_ASIDE;

fn spool() -> (tempfile::TempDir, Spool) {
    let dir = tempfile::tempdir().unwrap();
    let spool = Spool::open(&dir.path().join("queue")).unwrap();
    (dir, spool)
}

fn files(spool: &Spool) -> Vec<String> {
    let names = fs::read_dir(spool.directory()).unwrap();
    names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

async fn spooled(spool: &Spool, text: &[u8]) -> Spooled {
    let mut draft = spool.draft().await.unwrap();
    draft.write(text).await.unwrap();
    draft.finish().await.unwrap()
}

/// The disk is asked on another thread.
async fn until_empty(spool: &Spool) {
    while !files(spool).is_empty() || spool.octets() > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_body_that_is_kept_is_found_again_by_another_process_and_nobody_else_may_read_it() {
    let (_dir, spool) = spool();
    let mut draft = spool.draft().await.unwrap();
    draft.write(b"Subject: x\r\n").await.unwrap();
    draft.write(b"\r\nhello\r\n").await.unwrap();
    let mut body = draft.finish().await.unwrap();
    body.keep();
    let name = body.name().to_owned();
    drop(body);

    let next = Spool::open(spool.directory()).unwrap();
    assert_eq!(next.sweep(HashSet::from([name.clone()]), true).await.unwrap(), Swept::default());
    assert_eq!(next.octets(), 21);
    let found = next.kept(&name).await.unwrap();
    assert_eq!(found.octets(), 21);
    for _ in 0..2 {
        let mut text = String::new();
        found.read().await.unwrap().read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "Subject: x\r\n\r\nhello\r\n", "each reader begins at the beginning");
    }
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(next.directory()), 0o700);
    assert_eq!(mode(&next.0.path(&name)), 0o600);
    found.remove().await.unwrap();
    assert_eq!((files(&next).len(), next.octets()), (0, 0));
}

#[tokio::test]
async fn whatever_is_let_go_of_without_being_kept_is_gone() {
    let (_dir, spool) = spool();
    let mut draft = spool.draft().await.unwrap();
    draft.write(b"half a mess").await.unwrap();
    assert_eq!((files(&spool).len(), spool.octets()), (1, 11));
    drop(draft);
    until_empty(&spool).await;
    drop(spooled(&spool, b"whole\r\n").await);
    until_empty(&spool).await;
}

#[tokio::test]
async fn a_start_removes_files_without_a_row_and_names_rows_without_a_file() {
    let (_dir, spool) = spool();
    let mut kept = Vec::new();
    for text in [&b"one\r\n"[..], b"two\r\n"] {
        let mut body = spooled(&spool, text).await;
        body.keep();
        kept.push(body.name().to_owned());
    }
    for foreign in ["README", "notes.msg", "a.b.msg"] {
        fs::write(spool.directory().join(foreign), "not ours").unwrap();
    }
    let spool = Spool::open(spool.directory()).unwrap();
    // What the new process begins before it has swept is nobody's orphan, whether its row is there by then or not.
    let mut open = spool.draft().await.unwrap();
    open.write(b"three").await.unwrap();
    let taken = spooled(&spool, b"four\r\n").await;
    let named = HashSet::from([kept[0].clone(), "bbbbbbbbbbbb".to_owned(), taken.name().to_owned()]);
    let swept = spool.sweep(named, true).await.unwrap();
    assert_eq!(swept, Swept { orphans: 1, left: 0, missing: vec!["bbbbbbbbbbbb".to_owned()] });
    assert_eq!(files(&spool).len(), 6, "files of somebody else stay");
    assert_eq!(spool.octets(), 5 + 5 + 6);
    assert!(spool.kept(&kept[1]).await.unwrap_err().is_missing());
    assert!(spool.kept("../../etc/pw").await.unwrap_err().is_missing());
}

/// A new store, made since the database was lost or given up, emptied the folder: of mail that had its 250.
#[tokio::test]
async fn what_a_store_that_had_no_message_finds_is_left_for_the_one_before_and_taken_up_by_that() {
    let (_dir, spool) = spool();
    let mut body = spooled(&spool, b"one\r\n").await;
    body.keep();
    let name = body.name().to_owned();
    for _start in 0..2 {
        let new = Spool::open(spool.directory()).unwrap();
        let swept = new.sweep(HashSet::new(), false).await.unwrap();
        assert_eq!(swept, Swept { left: 1, ..Swept::default() });
        assert_eq!((files(&spool), new.octets()), (vec![format!("{name}{SET_ASIDE}")], 0));
        // Nor does one that has had messages meanwhile remove it.
        let later = Spool::open(spool.directory()).unwrap();
        assert_eq!(later.sweep(HashSet::new(), true).await.unwrap().left, 1);
    }
    let before = Spool::open(spool.directory()).unwrap();
    assert_eq!(before.sweep(HashSet::from([name.clone()]), true).await.unwrap(), Swept::default());
    assert_eq!((before.kept(&name).await.unwrap().octets(), before.octets()), (5, 5));
}

/// The names of both may stand in the folder: what is the store's stays as it is.
#[tokio::test]
async fn a_body_that_is_there_is_not_replaced_by_one_of_its_name_that_was_left() {
    let (_dir, spool) = spool();
    let mut body = spooled(&spool, b"mine\r\n").await;
    body.keep();
    let name = body.name().to_owned();
    fs::write(spool.directory().join(format!("{name}.msg.left")), "other").unwrap();
    let next = Spool::open(spool.directory()).unwrap();
    let swept = next.sweep(HashSet::from([name.clone()]), true).await.unwrap();
    assert_eq!(swept, Swept { left: 1, ..Swept::default() });
    assert_eq!((next.kept(&name).await.unwrap().octets(), files(&spool).len()), (6, 2));
}

#[tokio::test]
async fn an_entry_that_cannot_be_removed_keeps_nobody_elses_mail_from_being_taken_up() {
    let (_dir, spool) = spool();
    fs::create_dir(spool.directory().join("bcdf23456789.msg")).unwrap();
    let mut kept = spooled(&spool, b"four\r\n").await;
    kept.keep();
    let name = kept.name().to_owned();
    let mut orphan = spooled(&spool, b"orphan").await;
    orphan.keep();
    let next = Spool::open(spool.directory()).unwrap();
    let swept = next.sweep(HashSet::from([name.clone()]), true).await.unwrap();
    assert_eq!(swept, Swept { orphans: 1, left: 0, missing: vec![] });
    assert_eq!((next.octets(), next.kept(&name).await.unwrap().octets()), (6, 6));
}

#[tokio::test]
async fn beyond_the_limit_it_is_as_full_as_a_full_disk_until_something_leaves() {
    let (_dir, spool) = spool();
    spool.set_limit(10);
    let first = spooled(&spool, b"12345678").await;
    let mut second = spool.draft().await.unwrap();
    second.write(b"12").await.unwrap();
    let full = second.write(b"3").await.unwrap_err();
    assert!(full.is_full() && full.to_string().contains("[queue] max-bytes"), "{full}");
    first.remove().await.unwrap();
    second.write(b"3").await.unwrap();
    assert_eq!(second.finish().await.unwrap().octets(), 3);
}

/// Linux has a file for it: everything written there meets a full disk.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_full_disk_is_told_at_the_latest_when_the_body_is_whole_and_leaves_nothing() {
    let (_dir, spool) = spool();
    let draft = spool.draft().await.unwrap();
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut draft = Draft { file: BufWriter::new(File::from_std(full)), lease: draft.lease, reserve: 0 };
    let mut outcome = Ok(());
    for _ in 0..4 {
        outcome = outcome.and(draft.write(&[b'x'; 1000]).await);
    }
    let fault = match outcome {
        Err(fault) => fault,
        Ok(()) => draft.finish().await.unwrap_err(),
    };
    assert!(fault.is_full(), "{fault}");
    until_empty(&spool).await;
}

#[tokio::test]
async fn names_are_told_apart_and_cannot_lead_elsewhere() {
    let names: HashSet<String> = (0..1000).map(|_| random_word().unwrap()).collect();
    assert_eq!(names.len(), 1000);
    assert!(names.iter().all(|name| is_name(name)));
    for wrong in ["", "a", "../../../etc", "bbbbbbbbbbbb.msg", "bbbbbbbbbbb/"] {
        assert!(!is_name(wrong), "{wrong}");
    }
}

#[tokio::test]
async fn a_draft_gets_another_beginning_and_keeps_every_octet_behind_it() {
    let (_dir, spool) = spool();
    let body: Vec<u8> = (0..300_000u32).map(|n| n.to_le_bytes()[n as usize % 4]).collect();
    let mut draft = spool.draft().await.unwrap();
    draft.write(b"old head").await.unwrap();
    draft.write(&body).await.unwrap();
    let draft = draft.with_head(8, |head| [head, b", longer"].concat()).await.unwrap();
    let done = draft.finish().await.unwrap();
    let mut read = Vec::new();
    done.read().await.unwrap().read_to_end(&mut read).await.unwrap();
    assert!(read == [b"old head, longer", &body[..]].concat());
    assert_eq!(done.octets(), read.len() as u64);
    while files(&spool).len() > 1 || spool.octets() != done.octets() {
        tokio::task::yield_now().await;
    }
    let mut short = spool.draft().await.unwrap();
    short.write(b"x").await.unwrap();
    assert!(short.with_head(2, <[u8]>::to_vec).await.is_err(), "there is no such beginning");
    drop(done);
    until_empty(&spool).await;
}
