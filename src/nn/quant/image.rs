//! The bytes of a model: a network's own, or somebody's.

use crate::error::Result;
use crate::mem::{Carved, Carver};
use crate::nn::MODEL_ALIGN;

pub(super) enum Image<'m> {
    /// Whole words, so that it is aligned; a model's length is a multiple of 4.
    Own(Carved<'m, u32>),
    InPlace(&'m [u8]),
}

impl<'m> Image<'m> {
    /// A copy of these bytes.
    pub fn copy(bytes: &[u8], carver: &mut Carver<'m>) -> Result<Image<'m>> {
        let mut words = carver.take(bytes.len() / MODEL_ALIGN, 0u32)?;
        for (word, bytes) in words.iter_mut().zip(bytes.as_chunks().0) {
            *word = u32::from_ne_bytes(*bytes);
        }
        Ok(Image::Own(words))
    }

    pub fn bytes(&self) -> &[u8] {
        match self {
            Image::Own(words) => bytemuck::must_cast_slice(words),
            Image::InPlace(bytes) => bytes,
        }
    }
}
