//! A row: columns by name, or as a whole into a type of the plugin's own.

use serde::de::value::MapDeserializer;
use serde::de::{DeserializeOwned, Deserializer, IntoDeserializer, Visitor, value};
use serde::forward_to_deserialize_any;

use crate::{Error, Result};

/// A row of a data source: columns and values, in the order of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row(Vec<(String, String)>);

impl Row {
    pub(crate) fn new(columns: Vec<(String, String)>) -> Self {
        Self(columns)
    }

    /// The value of a column.
    #[must_use]
    pub fn get(&self, column: &str) -> Option<&str> {
        self.0.iter().find(|(name, _)| name == column).map(|(_, value)| value.as_str())
    }

    /// Columns and values, in the order of the file.
    pub fn columns(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The row as a type of the plugin's own: a field a column, whose text is read as what the field is. An empty text
    /// is none of an `Option`.
    ///
    /// ```
    /// # use prony_plugin::prelude::*;
    /// #[derive(Deserialize)]
    /// struct Customer {
    ///     name: String,
    ///     age: u8,
    /// }
    /// # let mut host = prony_plugin::testing::Host::new();
    /// # host.data("customers", [[("name", "ada"), ("age", "36")]]);
    /// # host.within(|| {
    /// let customer: Customer = data::at("customers", 0)?.read()?;
    /// assert_eq!((customer.name.as_str(), customer.age), ("ada", 36));
    /// # Ok::<_, Error>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    /// When a column is missing, or its text is not what the field is.
    #[track_caller]
    pub fn read<T: DeserializeOwned>(&self) -> Result<T> {
        let columns = self.0.iter().map(|(name, value)| (name.as_str(), Cell(value)));
        match serde_path_to_error::deserialize(MapDeserializer::<_, value::Error>::new(columns)) {
            Ok(row) => Ok(row),
            Err(error) if error.path().iter().next().is_none() => {
                Err(Error::new(format!("a row of the data: {}", error.inner())))
            }
            Err(error) => Err(Error::new(format!("column {} of the data: {}", error.path(), error.inner()))),
        }
    }
}

/// A value, read as whatever is asked for.
#[derive(Clone, Copy)]
struct Cell<'a>(&'a str);

impl<'de> IntoDeserializer<'de, value::Error> for Cell<'de> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

/// Reads the text as a number or a truth value where it is one; else the visitor says what it expected.
macro_rules! read_as {
    ($($method:ident $visit:ident $type:ty),*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, value::Error> {
            match self.0.trim().parse::<$type>() {
                Ok(value) => visitor.$visit(value),
                Err(_) => visitor.visit_str(self.0),
            }
        }
    )*};
}

impl<'de> Deserializer<'de> for Cell<'de> {
    type Error = value::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, value::Error> {
        visitor.visit_borrowed_str(self.0)
    }

    read_as! {
        deserialize_bool visit_bool bool,
        deserialize_i8 visit_i64 i64, deserialize_i16 visit_i64 i64, deserialize_i32 visit_i64 i64,
        deserialize_i64 visit_i64 i64, deserialize_u8 visit_u64 u64, deserialize_u16 visit_u64 u64,
        deserialize_u32 visit_u64 u64, deserialize_u64 visit_u64 u64, deserialize_f32 visit_f64 f64,
        deserialize_f64 visit_f64 f64
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, value::Error> {
        if self.0.is_empty() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, value::Error> {
        visitor.visit_enum(self.0.into_deserializer())
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, value::Error> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        i128 u128 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Order {
        id: u64,
        price: f32,
        gift: bool,
        note: Option<String>,
        size: Size,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Size {
        Small,
        Large,
    }

    fn row(id: &str) -> Row {
        let columns =
            [("id", id), ("price", "1.5"), ("gift", "true"), ("note", ""), ("size", "large"), ("more", "x")];
        Row::new(columns.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec())
    }

    #[test]
    fn texts_become_what_fields_are() {
        let order: Order = row("7").read().unwrap();
        assert_eq!(order, Order { id: 7, price: 1.5, gift: true, note: None, size: Size::Large });
    }

    #[test]
    fn errors_name_the_column() {
        let wrong = row("seven").read::<Order>().unwrap_err();
        assert_eq!(wrong.message(), "column id of the data: invalid type: string \"seven\", expected u64");
        let missing = Row::new(Vec::new()).read::<Order>().unwrap_err();
        assert_eq!(missing.message(), "a row of the data: missing field `id`");
    }
}
