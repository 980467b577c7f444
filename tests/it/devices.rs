//! Presets and guides for devices: what is printed is what a configuration takes, and what a guide shows is what is
//! printed.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use argon2::{Argon2, PasswordHash, PasswordVerifier};
use clap::Parser;
use gatepost::{
    base::Lang,
    catalog,
    cli::Cli,
    config::{
        self, Problems, Surroundings,
        device::{self, Beside, DEVICES, Device, Wish},
    },
};

use crate::unconfigured::unconfigured;

/// Of "example", as in the guides.
const HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$jadUx9pbGg8NcLe2TEYegA$+2V6xq59ycMuOSHLUobYxgbX8AOlxkpF0DOSY02Q6z0";
const APP: &str = "[app.contoso]\nprovider = \"microsoft365\"\ntenant = \"contoso.com\"\nclient-id = \"id\"\n";

/// Everything that a check says of this text, warnings included.
fn problems(text: &str) -> Problems {
    let variables = [("HOME".to_owned(), "/home/ann".into())].into();
    let around = Surroundings { variables, ..Surroundings::default() };
    match config::check_text(text, "gatepost.toml", &around) {
        Ok((_, warnings)) => warnings,
        Err(problems) => problems,
    }
}

fn account(address: &str) -> String {
    format!("[[account]]\naddress = \"{address}\"\n")
}

fn wishes<'a>(device: &'static Device, from: &'a [String]) -> [(&'static Device, Wish<'a>); 3] {
    let beside = Beside::Nothing;
    let wish = Wish { name: "3F \"copier\"", account: "scanner@contoso.com", from, login: None, beside };
    let login = Some(("copier", HASH));
    [(device, wish), (device, Wish { login, ..wish }), (device, Wish { login, from: &[], ..wish })]
}

#[test]
fn every_block_of_every_preset_is_taken_by_a_configuration_as_it_is() {
    let from = ["192.168.10.21".to_owned(), "2001:db8::/64".to_owned()];
    let wished = || DEVICES.iter().flat_map(|device| wishes(device, &from));
    for ((device, wish), lang) in wished().flat_map(|wished| Lang::ALL.map(|lang| (wished, lang))) {
        let block = device::block(device, &wish, lang);
        let found = problems(&format!("{APP}{}{block}", account(wish.account)));
        assert!(found.problems.is_empty(), "{}: {found}\n{block}", device.name);
        assert!(device::mistakes(&block, &wish).is_empty());
        let toml: toml::Table = block.parse().unwrap();
        for line in block.lines().filter(|line| lang == Lang::Ja && line.contains("# ")) {
            assert!(!line.is_ascii(), "{line}");
        }
        let client = &toml["client"][0];
        assert_eq!(client["name"].as_str(), Some(wish.name));
        assert_eq!(client.get("from").is_some(), !wish.from.is_empty());
        assert_eq!(client.get("login").is_some(), wish.login.is_some());
    }
}

#[test]
fn what_is_offered_in_a_remark_is_taken_too() {
    for (device, wish) in DEVICES.iter().flat_map(|device| wishes(device, &[])).filter(|(_, wish)| wish.login.is_some())
    {
        let block = device::block(device, &wish, Lang::En)
            .replace("# recipients", "recipients")
            .replace("# capture", "capture");
        let toml: toml::Table = block.parse().unwrap();
        assert!(toml["client"][0]["recipients"].is_array() && toml["client"][0]["capture"].is_bool(), "{block}");
        let found = problems(&format!("{APP}{}{block}", account(wish.account)));
        assert!(found.problems.is_empty(), "{}: {found}\n{block}", device.name);
    }
}

/// Two of one kind share a listener; others must not be in each other's way.
#[test]
fn blocks_of_different_families_stand_side_by_side_in_one_file() {
    let mut text = format!("{APP}{}", account("scanner@contoso.com"));
    for (n, preset) in ["hp", "synology", "zabbix", "postfix"].into_iter().enumerate() {
        let (name, from) = (format!("device {n}"), vec![format!("192.168.10.{n}")]);
        let wish =
            Wish { name: &name, account: "scanner@contoso.com", from: &from, login: None, beside: Beside::Nothing };
        text.push_str(&device::block(device::find(preset).unwrap(), &wish, Lang::En));
    }
    let found = problems(&text);
    assert!(found.problems.is_empty(), "{found}\n{text}");
}

#[test]
fn a_preset_is_found_by_its_other_names_and_no_name_means_two() {
    for (name, expected) in [("HP", "hp"), ("Konica Minolta", "konica-minolta"), ("bizhub", "konica-minolta")] {
        assert_eq!(device::find(name).unwrap().name, expected);
    }
    let mut names = BTreeSet::new();
    for name in DEVICES.iter().flat_map(|device| std::iter::once(&device.name).chain(device.also)) {
        assert!(names.insert(*name), "{name} is there twice");
        assert!(device::find(name).is_ok(), "{name}");
    }
}

/// It hears 550 where somebody has to sign in, and would return what it was given.
#[test]
fn the_sheet_of_a_mail_server_without_a_login_leads_to_how_it_keeps_its_messages() {
    let from = ["127.0.0.1".to_owned()];
    for (preset, is_server) in [("postfix", true), ("exim", true), ("zabbix", false)] {
        let device = device::find(preset).unwrap();
        for (lang, folder, heading) in
            [(Lang::En, "docs/devices", "Without a login"), (Lang::Ja, "docs/ja/devices", "ログインなし")]
        {
            let sheet = |login| {
                let (account, beside) = ("alerts@contoso.com", Beside::Nothing);
                let wish = Wish { name: preset, account, from: &from, login, beside };
                device::sheet(device, &wish, lang)
            };
            assert_eq!(sheet(None).contains(heading), is_server, "{}", sheet(None));
            assert!(!sheet(Some((preset, "hash"))).contains(heading));
            assert!(!sheet(None).contains("texthash:"), "no password is looked up");
            let guide = fs::read_to_string(format!("{folder}/{}.md", device.guide)).unwrap();
            assert_eq!(guide.contains(&format!("\n## {heading}\n")), is_server, "{preset}");
        }
    }
}

fn gatepost(arguments: &[&str]) -> (i32, String, String) {
    let output = unconfigured(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn the_list_has_every_family_and_an_unknown_one_is_told_what_was_perhaps_meant() {
    let (code, list, _) = gatepost(&["config", "client", "--preset", "list"]);
    assert_eq!((code, list.lines().count()), (0, DEVICES.len()), "{list}");
    let (code, said, errors) = gatepost(&["config", "client", "x", "--preset", "rico"]);
    assert_eq!((code, said.as_str()), (2, ""));
    assert!(errors.contains("there is no preset \"rico\"\nhint: did you mean \"ricoh\"?"), "{errors}");
    let (_, _, errors) = gatepost(&["config", "client", "x", "--preset", "toaster"]);
    assert!(errors.contains("hint: there are: hp, ricoh, canon"), "{errors}");
    let (code, _, errors) = gatepost(&["config", "client", "--preset", "hp"]);
    assert!(code == 2 && errors.contains("a client needs a name"), "{errors}");
}

#[test]
fn a_password_is_made_and_shown_once_apart_from_the_block_that_has_its_hash() {
    let (code, block, sheet) = gatepost(&["config", "client", "Zabbix 1", "--preset", "zabbix"]);
    assert_eq!(code, 0, "{sheet}");
    let toml: toml::Table = block.parse().unwrap();
    let client = &toml["client"][0];
    assert_eq!(client["login"].as_str(), Some("zabbix-1"));
    let line = sheet.lines().find_map(|line| line.strip_prefix("Password of zabbix-1: ")).unwrap();
    assert_eq!(sheet.matches(line).count(), 1, "{sheet}");
    assert!(!block.contains(line), "{block}");
    let hash = client["password"].as_str().unwrap();
    assert!(!sheet.contains(hash));
    assert!(Argon2::default().verify_password(line.as_bytes(), &PasswordHash::new(hash).unwrap()).is_ok());
    let (_, other, _) = gatepost(&["config", "client", "Zabbix 1", "--preset", "zabbix"]);
    assert_ne!(block, other, "the same password again");
}

#[test]
fn a_device_that_is_admitted_by_address_gets_no_password_and_a_sheet_in_either_language() {
    let arguments = ["config", "client", "3F", "--preset", "ricoh", "--from", "192.168.10.21", "--lang"];
    let (code, block, en) = gatepost(&[&arguments[..], &["en"]].concat());
    assert_eq!(code, 0, "{en}");
    assert!(!block.contains("password") && !en.contains("assword of"), "{block}{en}");
    assert!(en.contains("SMTP Port No.") && en.contains("2526") && en.contains("docs/devices/ricoh.md"), "{en}");
    assert!(!en.contains("User Name"), "a field that stays empty: {en}");
    let (_, same, ja) = gatepost(&[&arguments[..], &["ja"]].concat());
    let keys = |block: &str| block.parse::<toml::Table>().unwrap();
    assert_eq!(keys(&block), keys(&same));
    assert!(block.contains("# what logs") && same.contains("# ログ") && !same.contains("# what"), "{same}");
    assert!(ja.contains("入力する内容") && !ja.contains("what to type"), "{ja}");
}

#[test]
fn the_only_account_of_the_configuration_is_taken_and_what_comes_out_fits_into_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gatepost.toml");
    // No listener of its own, and a rule that is there already.
    let before = format!(
        "{APP}{}[[client]]\nname = \"other\"\naccount = \"alerts@contoso.com\"\nfrom = [\"192.168.10.9\"]\n",
        account("alerts@contoso.com")
    );
    fs::write(&file, &before).unwrap();
    let config = file.to_str().unwrap();
    let arguments = ["config", "client", "copier", "--preset", "epson", "--from", "192.168.10.21"];
    let (code, block, _) = gatepost(&[&arguments[..], &["--config", config]].concat());
    assert_eq!(code, 0);
    assert!(block.contains("account = \"alerts@contoso.com\""), "{block}");
    let usual = ["127.0.0.1:1587", "127.0.0.1:1993", "127.0.0.1:1995"];
    assert!(usual.iter().all(|listener| block.contains(listener)), "mail programs go on: {block}");
    fs::write(&file, before + &block).unwrap();
    let (code, second, _) =
        gatepost(&["config", "client", "two", "--preset", "hp", "--from", "192.168.10.22", "--config", config]);
    assert!(
        code == 0 && second.contains("port 2526: that listener is there already") && !second.contains("[[listener]]"),
        "{second}"
    );
    let (_, other, _) = gatepost(&["config", "client", "three", "--preset", "veeam", "--config", config]);
    assert_eq!(other.matches("[[listener]]").count(), 1, "{other}");
    let (_, json, _) = gatepost(&["config", "check", "--json", "--config", config]);
    let told: serde_json::Value = serde_json::from_str(&json).unwrap();
    let mut told = told["problems"].as_array().unwrap().iter().map(|problem| problem["text"].as_str().unwrap());
    assert_eq!(told.next(), None, "{block}");
}

#[test]
fn what_is_not_known_is_asked_for_with_the_whole_command_and_never_made_up() {
    let (code, block, errors) = gatepost(&["config", "client", "3F copier", "--preset", "ricoh"]);
    assert_eq!((code, block.as_str()), (2, ""), "{errors}");
    for command in ["--from ADDRESS`", "--login NAME`"] {
        assert!(errors.contains(&format!("`gatepost config client '3F copier' --preset ricoh {command}")), "{errors}");
    }
    let (code, _, errors) = gatepost(&["config", "client", "x", "--preset", "ricoh", "--lang", "ja"]);
    assert!(code == 2 && errors.contains("そのアドレスが指定されていません"), "{errors}");

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gatepost.toml");
    let two = [account("scanner@contoso.com"), account("alerts@contoso.com")].concat();
    fs::write(&file, format!("{APP}{two}{ALERTS_ARE_USED}")).unwrap();
    let config = file.to_str().unwrap();
    let (code, block, errors) = gatepost(&["config", "client", "x", "--preset", "zabbix", "--config", config]);
    assert_eq!((code, block.as_str()), (2, ""), "{errors}");
    assert!(errors.contains("--account ADDRESS`, one of: scanner@contoso.com, alerts@contoso.com"), "{errors}");
}

#[test]
fn what_was_typed_wrongly_is_told_in_the_words_of_the_check() {
    let client = |more: &[&str]| gatepost(&[&["config", "client", "x", "--preset", "hp"], more].concat());
    for (more, told) in [
        (&["--from", "192.168.10.300"][..], "is not an address or block"),
        (&["--from", "0.0.0.0/0"], "admits much of the internet"),
        (&["--from", "192.168.10.21", "--account", "scanner"], "is not a mail address"),
        (&["--login", "two words"], "holds blanks"),
        (&["--login", "scanner@contoso.com"], "is taken by another client or account"),
    ] {
        let (code, block, errors) = client(more);
        assert_eq!((code, block.as_str()), (2, ""), "{more:?}: {errors}");
        assert!(errors.contains(told) && errors.contains("hint: "), "{more:?}: {errors}");
    }
}

fn guides() -> Vec<(PathBuf, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/devices");
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let guides: Vec<_> = paths.map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect();
    assert!(guides.len() > 10);
    guides
}

/// Words as a shell parts them, as far as the guides need it.
fn words(line: &str) -> Vec<String> {
    let line = line.split(" >> ").next().unwrap();
    let (mut words, mut quoted) = (vec![String::new()], false);
    for c in line.chars() {
        match c {
            '"' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            c => words.last_mut().unwrap().push(c),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[test]
fn every_command_of_the_guides_is_one_that_the_command_line_takes() {
    let mut seen = 0;
    for (path, text) in guides() {
        for line in
            text.lines().filter_map(|line| line.strip_prefix("    ")).filter(|line| line.starts_with("gatepost "))
        {
            if let Err(error) = Cli::try_parse_from(words(line)) {
                panic!("{}: {line}: {error}", path.display());
            }
            seen += 1;
        }
    }
    assert!(seen > 40, "{seen}");
}

#[test]
fn every_preset_that_a_guide_names_works_as_the_guide_types_it() {
    let mut seen = 0;
    for (path, text) in guides() {
        for line in text.lines().filter_map(|line| line.strip_prefix("    gatepost config client ")) {
            let words = words(line);
            let arguments: Vec<&str> =
                ["config", "client"].into_iter().chain(words.iter().map(String::as_str)).collect();
            let (code, _, errors) = gatepost(&arguments);
            assert_eq!(code, 0, "{}: {line}: {errors}", path.display());
            seen += 1;
        }
    }
    assert!(seen > 20, "{seen}");
}

/// The TOML of a page, without its fences.
fn toml_of(text: &str) -> Vec<&str> {
    text.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

#[test]
fn every_configuration_of_the_guides_is_taken_as_it_stands() {
    let mut seen = 0;
    for (path, text) in guides() {
        for toml in toml_of(&text) {
            let accounts = match toml.lines().any(|line| line == "[[account]]") {
                true => String::new(),
                false => account("scanner@contoso.com") + &account("alerts@contoso.com") + ALERTS_ARE_USED,
            };
            let found = problems(&format!("{APP}{accounts}{toml}"));
            assert!(found.problems.is_empty(), "{}: {found}\n{toml}", path.display());
            seen += 1;
        }
    }
    assert!(seen > 12, "{seen}");
}

/// An account that nothing uses is a problem of its own.
const ALERTS_ARE_USED: &str = "[[client]]\nname = \"a\"\naccount = \"scanner@contoso.com\"\nfrom = [\"192.168.9.1\"]\n\
                               [[client]]\nname = \"b\"\naccount = \"alerts@contoso.com\"\nfrom = [\"192.168.9.2\"]\n";

/// Where this fails it prints what to put there.
#[test]
fn each_guide_shows_the_block_that_its_preset_prints() {
    for device in DEVICES {
        let page = guides().into_iter().find(|(path, _)| path.ends_with(format!("{}.md", device.guide)));
        let (_, text) = page.unwrap_or_else(|| panic!("{} has no guide", device.name));
        assert!(text.contains(&format!("--preset {}", device.name)), "{}", device.name);
        // Pages of two presets show one of them.
        let head = format!("# {}. What to type into it", device.title.en);
        let Some(shown) = toml_of(&text).into_iter().find(|toml| toml.starts_with(&head)) else {
            assert!(DEVICES.iter().any(|other| other.guide == device.guide && other.name != device.name));
            continue;
        };
        let toml: toml::Table = shown.parse().unwrap();
        let client = &toml["client"][0];
        let word = |key: &str| client.get(key).and_then(toml::Value::as_str);
        let from = client.get("from").and_then(toml::Value::as_array);
        let from: Vec<String> = from.into_iter().flatten().map(|one| one.as_str().unwrap().to_owned()).collect();
        let login = word("login").map(|login| (login, HASH));
        let (name, account, beside) = (word("name").unwrap(), word("account").unwrap(), Beside::Nothing);
        let wish = Wish { name, account, from: &from, login, beside };
        let printed = device::block(device, &wish, Lang::En);
        assert_eq!(shown, printed.trim_start(), "put into docs/devices/{}.md:\n{printed}", device.guide);
    }
}

#[test]
fn each_guide_names_every_field_of_its_preset() {
    let guides = guides();
    for device in DEVICES {
        let name = format!("{}.md", device.guide);
        let (_, text) = guides.iter().find(|(path, _)| path.ends_with(&name)).unwrap();
        for (field, _) in device.fields {
            // Some are written out for two fields at once, or begin with the way to them.
            let field = field.rsplit_once(": ").map_or(*field, |(_, last)| last);
            assert!(text.contains(field), "{name} says nothing of {field:?}");
        }
    }
}

#[test]
fn every_page_is_in_the_index_and_every_fault_id_of_the_pages_exists() {
    let known: BTreeSet<&str> = catalog::all().map(|entry| entry.id).collect();
    let guides = guides();
    let (_, index) = guides.iter().find(|(path, _)| path.ends_with("README.md")).unwrap();
    for (path, text) in &guides {
        let name = path.file_name().unwrap().to_str().unwrap();
        assert!(name == "README.md" || index.contains(&format!("]({name})")), "{name} is not in the index");
        for (at, mark) in text.match_indices("[gatepost ") {
            let id = text[at + mark.len()..].split(']').next().unwrap();
            assert!(known.contains(id), "{name}: {id}");
        }
        for link in text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next()).filter(|l| !l.is_empty())
        {
            assert!(path.parent().unwrap().join(link).exists(), "{name}: {link}");
        }
    }
    for device in DEVICES {
        assert!(index.contains(&format!("`{}`", device.name)), "{} is not in the index", device.name);
    }
}
