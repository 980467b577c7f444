//! The last octets that passed, however they were cut. It knows nothing of lines; what they mean is for whoever asks.

/// Of `N` octets.
pub struct Tail<const N: usize> {
    octets: [u8; N],
    filled: usize,
}

impl<const N: usize> Default for Tail<N> {
    fn default() -> Self {
        Self { octets: [0; N], filled: 0 }
    }
}

impl<const N: usize> Tail<N> {
    pub fn note(&mut self, piece: &[u8]) {
        let piece = piece.get(piece.len().saturating_sub(N)..).unwrap_or_default();
        let kept = self.filled.min(N - piece.len());
        self.octets.copy_within(self.filled - kept..self.filled, 0);
        self.filled = kept + piece.len();
        if let Some(free) = self.octets.get_mut(kept..self.filled) {
            free.copy_from_slice(piece);
        }
    }

    pub fn octets(&self) -> &[u8] {
        self.octets.get(..self.filled).unwrap_or_default()
    }
}
