//! Opens what email-oauth2-proxy sealed with the mail password: a Fernet token (AES-128-CBC and HMAC-SHA256) under a
//! key that PBKDF2-HMAC-SHA256 makes of the password and the account's salt.
//!
//! Format: <https://github.com/fernet/spec/blob/master/Spec.md>; the salt, and how often PBKDF2 turned, stand beside
//! the token in the file. It refuses what is changed by one byte, and a number of turns that would never end.

use std::num::NonZeroU32;

use aws_lc_rs::{
    cipher::{AES_128, DecryptionContext, PaddedBlockDecryptingKey, UnboundCipherKey},
    hmac, pbkdf2,
};
use base64::{
    Engine,
    alphabet::URL_SAFE,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose::STANDARD},
};
use zeroize::Zeroizing;

use crate::base::Secret;

/// Version 0x80, time stamp, initialisation vector, at least one block, MAC.
const VERSION: u8 = 0x80;
const HEAD: usize = 1 + 8;
const VECTOR: usize = 16;
const MAC: usize = 32;
/// What the program itself turns now, and what it did before it wrote the number down.
const TURNS: [u32; 2] = [1_200_000, 100_000];
/// The number stands in the file: ten seconds of work, not ten years.
const MOST_TURNS: u32 = 10_000_000;

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What a password is turned into a key with: salt, and the numbers of turns that are tried.
#[derive(Clone)]
pub struct Seal {
    salt: Vec<u8>,
    turns: Vec<NonZeroU32>,
}

impl Seal {
    /// `salt` in base64; `turns` as written, if they are. Says what is wrong with either.
    pub fn new(salt: &str, turns: Option<&str>) -> Result<Self, &'static str> {
        let salt = STANDARD.decode(salt.trim()).map_err(|_| "token_salt is not base64")?;
        let written = match turns.map(|turns| turns.trim().parse::<u32>()) {
            None => None,
            Some(Ok(turns)) if (1..=MOST_TURNS).contains(&turns) => Some(turns),
            Some(_) => return Err("token_iterations is not a number from 1 to 10000000"),
        };
        let others = TURNS.into_iter().filter(|turns| Some(*turns) != written);
        let turns = written.into_iter().chain(others).filter_map(NonZeroU32::new).collect();
        Ok(Self { salt, turns })
    }

    /// What one password opens of them; nothing at all of a wrong one.
    ///
    /// Each number of turns is tried for itself: what was sealed before the program raised it stays as it was until
    /// it is next used. Takes up to some seconds.
    pub fn open(&self, password: &Secret, sealed: &[&str]) -> Vec<Option<Secret>> {
        let mut opened: Vec<Option<Secret>> = vec![None; sealed.len()];
        for turns in &self.turns {
            if opened.iter().all(Option::is_some) {
                break;
            }
            let mut key = Zeroizing::new([0; 32]);
            let password = password.expose().as_bytes();
            pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, *turns, &self.salt, password, key.as_mut_slice());
            for (opened, sealed) in opened.iter_mut().zip(sealed).filter(|(opened, _)| opened.is_none()) {
                *opened = open(&key, sealed);
            }
        }
        opened
    }
}

/// Whether it has the shape of a Fernet token at all: what has not is damaged, whatever the password.
pub fn is_sealed(text: &str) -> bool {
    parts(text).is_some()
}

/// MAC first: nothing is decrypted that somebody else made (encrypt-then-MAC, as the format has it).
fn open(key: &[u8; 32], sealed: &str) -> Option<Secret> {
    let bytes = parts(sealed)?;
    let (signed, mac) = bytes.split_at_checked(bytes.len() - MAC)?;
    let (sign, encrypt) = key.split_at_checked(16)?;
    hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, sign), signed, mac).ok()?;
    let (vector, body) = signed.get(HEAD..)?.split_at_checked(VECTOR)?;
    let vector: [u8; VECTOR] = vector.try_into().ok()?;
    let key = PaddedBlockDecryptingKey::cbc_pkcs7(UnboundCipherKey::new(&AES_128, encrypt).ok()?).ok()?;
    let mut body = Zeroizing::new(body.to_vec());
    let plain = key.decrypt(&mut body, DecryptionContext::Iv128(vector.into())).ok()?;
    std::str::from_utf8(plain).ok().map(Secret::new)
}

fn parts(sealed: &str) -> Option<Vec<u8>> {
    let bytes = BASE64.decode(sealed.trim()).ok()?;
    let body = bytes.len().checked_sub(HEAD + VECTOR + MAC)?;
    (bytes.first() == Some(&VERSION) && body > 0 && body.is_multiple_of(16)).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    // Known answers: made with Python's `cryptography` 50.0.2.
    const SALT: &str = "AAECAwQFBgcICQoLDA0ODw==";
    const TOKEN: &str =
        "gAAAAABlU_EAEBESExQVFhcYGRobHB0eH5yUY5QK9J_PJK7BW9Q_M7Dfe3XXr2u5-I6-iMonCTIiTlQD0szj6iun8ruBxccOxA==";
    const SECRET: &str =
        "gAAAAABlU_EAEBESExQVFhcYGRobHB0eH7eJEEAXi8WYJM7QAyuxKBE8vzxzd9tdvLiBBg006Q_4BICK-lZW_JVeu5Ce_s7MgQ==";
    const TOKEN_100_000: &str =
        "gAAAAABlU_EAEBESExQVFhcYGRobHB0eH6oqzuwHrBVqXlvTLlGkVsgqsxgx_2hpWMFUslNOQ5kJ31-pgkW3nXNnE5Zm4XX6CA==";
    const TOKEN_1_200_000: &str =
        "gAAAAABlU_EAEBESExQVFhcYGRobHB0eH8LGQAkrTP-VIL_Zp2cHeKI5hKcOyn-o7jFPGxviJDx-wHyAnvolGmP6njfADU6JyA==";

    fn seal(turns: Option<&str>) -> Seal {
        Seal::new(SALT, turns).unwrap()
    }

    /// What did not open is empty.
    fn opened(turns: Option<&str>, password: &str, sealed: &[&str]) -> Vec<String> {
        let opened = seal(turns).open(&Secret::new(password), sealed);
        opened.iter().map(|secret| secret.as_ref().map_or("", |secret| secret.expose()).to_owned()).collect()
    }

    #[test]
    fn what_python_sealed_is_opened_by_the_right_password_alone() {
        let all = opened(Some("1000"), "old pässword", &[TOKEN, SECRET]);
        assert_eq!(all, ["refresh-token-1", "client secret ~"]);
        assert_eq!(opened(Some("1000"), "old passwort", &[TOKEN, SECRET]), ["", ""]);
    }

    #[test]
    fn old_files_without_a_number_of_turns_and_new_ones_are_opened() {
        let both = opened(None, "old pässword", &[TOKEN_100_000, TOKEN_1_200_000]);
        assert_eq!(both, ["refresh-token-1", "refresh-token-1"]);
        let mixed = opened(Some("1000"), "old pässword", &[TOKEN, TOKEN_100_000]);
        assert_eq!(mixed, both, "each by its own number of turns");
    }

    #[test]
    fn every_changed_or_missing_byte_is_noticed() {
        let turns = NonZeroU32::new(1000).unwrap();
        let mut key = [0; 32];
        let salt = STANDARD.decode(SALT).unwrap();
        pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, turns, &salt, "old pässword".as_bytes(), &mut key);
        let whole = BASE64.decode(TOKEN).unwrap();
        let encoded = |bytes: &[u8]| BASE64.encode(bytes);
        assert!(open(&key, &encoded(&whole)).is_some());
        for at in 0..whole.len() {
            let mut bent = whole.clone();
            bent[at] ^= 1;
            assert!(open(&key, &encoded(&bent)).is_none(), "byte {at} changed");
            assert!(open(&key, &encoded(&whole[..at])).is_none(), "cut at {at}");
        }
    }

    #[test]
    fn turns_without_end_and_a_broken_salt_are_refused() {
        for turns in ["0", "10000001", "4294967296", "-1", "many", ""] {
            assert!(Seal::new(SALT, Some(turns)).is_err(), "{turns}");
        }
        assert!(Seal::new("not base64!", None).is_err());
        assert!(!is_sealed("hello") && !is_sealed("") && !is_sealed(&TOKEN[..60]) && is_sealed(TOKEN));
    }
}
