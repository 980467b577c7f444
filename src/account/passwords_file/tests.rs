use super::*;

const HASH: &str = "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$JGVvSLOZ9MVmDJK7UTwLtd0fRHE5UBYGFnXmcBVGRSc";
const OTHER: &str = "$argon2id$v=19$m=16,t=1,p=1$c2FsdHNhbHQ$JGVvSLOZ9MVmDJK7UTwLtd0fRHE5UBYGFnXmcBVGRSc";

fn mistakes(text: &str) -> Vec<(usize, String)> {
    let found = parse(text, "contoso.com").err().unwrap_or_default();
    found.into_iter().map(|mistake| (mistake.line, mistake.text)).collect()
}

#[test]
fn users_are_addresses_or_their_local_parts_in_any_case_with_remarks_between() {
    let text = format!("# the sales department\r\n\r\nAnn:{HASH}\r\n  bob@CONTOSO.com : {HASH}  \r\n");
    let users = parse(&text, "contoso.com").unwrap();
    let mut names: Vec<_> = users.keys().map(|name| &**name).collect();
    names.sort_unstable();
    assert_eq!(names, ["ann@contoso.com", "bob@contoso.com"]);
    assert!(users["bob@contoso.com"].matches(&Secret::new(HASH)));
}

#[test]
fn every_mistake_is_told_with_its_line_and_without_what_stands_there() {
    let text = format!("ann:{HASH}\nbob\ncleo:hunter2\n:{HASH}\nann@contoso.com:{HASH}\ndan@fabrikam.com:{HASH}\n");
    assert_eq!(
        mistakes(&text),
        [
            (2, "there is no colon behind the user".to_owned()),
            (3, "what stands behind cleo is not a password hash".to_owned()),
            (4, "\"\" is not a mail address".to_owned()),
            (5, "ann@contoso.com stands in line 1 already".to_owned()),
            (6, "dan@fabrikam.com is no address of contoso.com".to_owned()),
        ]
    );
    let many = mistakes(&"x\n".repeat(1000));
    assert_eq!(many.len(), MOST_MISTAKES + 1);
}

/// Whoever looked at every user for each one would be busy for minutes.
#[test]
fn a_file_of_a_hundred_thousand_users_is_read_without_a_look_at_all_of_them_for_each() {
    const USERS: usize = 100_000;
    let text: String = (0..USERS).map(|n| format!("user{n}:{HASH}\n")).collect();
    let begun = std::time::Instant::now();
    assert_eq!(parse(&text, "contoso.com").unwrap().len(), USERS);
    assert!(begun.elapsed() < std::time::Duration::from_secs(60), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_changed_file_counts_at_once_and_a_bad_or_missing_one_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("users");
    let write = |text: &str| fs::write(&path, text).unwrap();
    write(&format!("ann:{HASH}\nbob:{HASH}\n"));
    let file = PasswordsFile::open(path.clone(), "contoso.com").unwrap();
    assert!(file.hash("ann@contoso.com").await.is_some() && file.hash("cleo@contoso.com").await.is_none());
    write(&format!("ann:{OTHER}\ncleo:{HASH}\n"));
    assert!(file.hash("ann@contoso.com").await.unwrap().matches(&Secret::new(OTHER)));
    assert!(file.hash("bob@contoso.com").await.is_none(), "taken out");
    assert!(file.hash("cleo@contoso.com").await.is_some());
    for spoil in [Some("ann:plain\n"), Some(""), None] {
        match spoil {
            Some("") => write(&"#".repeat(MOST_BYTES as usize + 1)),
            Some(text) => write(text),
            None => fs::remove_file(&path).unwrap(),
        }
        assert!(file.hash("ann@contoso.com").await.unwrap().matches(&Secret::new(OTHER)), "{spoil:?}");
        assert_eq!((file.users(), file.state().told.len()), (2, 1), "{spoil:?}");
    }
    write(&format!("dan:{HASH}\n"));
    assert!(file.hash("dan@contoso.com").await.is_some() && file.hash("ann@contoso.com").await.is_none());
    assert!(file.state().told.is_empty());
}

#[test]
fn a_file_that_is_settled_is_not_read_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("users");
    fs::write(&path, format!("ann:{HASH}\n")).unwrap();
    let before = SystemTime::now() - Duration::from_secs(60);
    fs::File::options().append(true).open(&path).unwrap().set_modified(before).unwrap();
    let file = PasswordsFile::open(path.clone(), "contoso.com").unwrap();
    assert!(file.is_current(look(&path)));
    fs::write(&path, format!("bob:{HASH}\n")).unwrap();
    assert!(!file.is_current(look(&path)), "younger than a tick of the file system's clock");
}
