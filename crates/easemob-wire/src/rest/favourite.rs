//! Requests about favourites, the vendor's "collections" (easemob-rest.md 3.7).

use serde::Deserialize;

use super::request::{BodyError, parse};

/// Something to keep.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct FavouriteBody {
    pub id: Option<String>,
    pub data: Option<String>,
    #[serde(rename = "type")]
    pub kind: Option<i64>,
    pub ext: Option<String>,
    /// Milliseconds since 1970.
    pub created_at: Option<u64>,
}

/// Several for one user.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct FavouriteBatch {
    pub username: Option<String>,
    pub collections: Vec<FavouriteBody>,
}

/// Which ones go.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct FavouriteIds {
    pub collection_ids: Vec<String>,
}

impl FavouriteBody {
    /// # Errors
    /// [`BodyError::Json`].
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        parse(body)
    }
}

impl FavouriteBatch {
    /// # Errors
    /// [`BodyError::Json`].
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        parse(body)
    }
}

impl FavouriteIds {
    /// # Errors
    /// [`BodyError::Json`].
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        parse(body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_absent_and_a_wrong_type_is_an_error() {
        let body = FavouriteBody::parse(br#"{"data":"d","type":3,"ext":null,"createdAt":7}"#).unwrap();
        assert_eq!(
            (body.data.as_deref(), body.kind, body.ext, body.created_at),
            (Some("d"), Some(3), None, Some(7))
        );
        assert!(matches!(FavouriteBody::parse(br#"{"type":"three"}"#), Err(BodyError::Json(_))));
        let batch = FavouriteBatch::parse(br#"{"username":"li","collections":[{"data":"d"}]}"#).unwrap();
        assert_eq!(batch.collections.len(), 1);
        assert_eq!(FavouriteIds::parse(b"{}").unwrap().collection_ids.len(), 0);
    }
}
