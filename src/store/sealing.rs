//! Seals what is stored under the key of this installation: AES-256-GCM, a random nonce for each sealing, and the
//! place (row and purpose) as associated data, so that a sealed value moved to another row does not open.

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    rand,
};
use zeroize::Zeroizing;

/// First byte of every sealed value: how it was sealed.
const FORMAT: u8 = 1;

pub struct Sealer(LessSafeKey);

/// The value was not sealed under this key for this place, or was changed since.
#[derive(Debug, PartialEq, Eq)]
pub struct NotOurs;

impl Sealer {
    pub fn new(key: &[u8; 32]) -> Result<Self, NotOurs> {
        UnboundKey::new(&AES_256_GCM, key).map(|key| Self(LessSafeKey::new(key))).map_err(|_| NotOurs)
    }

    /// `FORMAT || nonce || ciphertext || tag`.
    pub fn seal(&self, place: &str, plain: &[u8]) -> Result<Vec<u8>, NotOurs> {
        let mut nonce = [0; NONCE_LEN];
        rand::fill(&mut nonce).map_err(|_| NotOurs)?;
        let mut body = plain.to_vec();
        self.0
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad(place), &mut body)
            .map_err(|_| NotOurs)?;
        Ok([&[FORMAT][..], &nonce, &body].concat())
    }

    pub fn open(&self, place: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, NotOurs> {
        let Some((&FORMAT, rest)) = sealed.split_first() else { return Err(NotOurs) };
        let (nonce, body) = rest.split_at_checked(NONCE_LEN).ok_or(NotOurs)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| NotOurs)?;
        let mut body = Zeroizing::new(body.to_vec());
        let length = self.0.open_in_place(nonce, aad(place), &mut body).map_err(|_| NotOurs)?.len();
        body.truncate(length);
        Ok(body)
    }
}

fn aad(place: &str) -> Aad<Vec<u8>> {
    Aad::from([b"gatepost\0", &[FORMAT][..], place.as_bytes()].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_only_in_its_own_place_under_its_own_key() {
        let sealer = Sealer::new(&[7; 32]).unwrap();
        let sealed = sealer.seal("sign-in/a", b"token").unwrap();
        assert_eq!(sealer.open("sign-in/a", &sealed).unwrap().as_slice(), b"token");
        assert_eq!(sealer.open("sign-in/b", &sealed).err(), Some(NotOurs));
        assert_eq!(Sealer::new(&[8; 32]).unwrap().open("sign-in/a", &sealed).err(), Some(NotOurs));
    }

    #[test]
    fn every_changed_or_missing_byte_is_noticed() {
        let sealer = Sealer::new(&[7; 32]).unwrap();
        let sealed = sealer.seal("p", b"secret").unwrap();
        for at in 0..sealed.len() {
            let mut bent = sealed.clone();
            bent[at] ^= 1;
            assert!(sealer.open("p", &bent).is_err(), "byte {at} changed");
            assert!(sealer.open("p", &sealed[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn the_same_value_never_looks_the_same_twice() {
        let sealer = Sealer::new(&[7; 32]).unwrap();
        assert_ne!(sealer.seal("p", b"secret"), sealer.seal("p", b"secret"));
    }
}
