//! The protobuf of ONNX, as much of it as a model needs: a writer, no reader.
//!
//! Field numbers are those of `onnx.proto` (IR version 9). Everything is a varint or a length-delimited field.

/// Type numbers of `TensorProto.DataType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataType {
    Float = 1,
    Uint8 = 2,
    Int8 = 3,
    Int64 = 7,
}

/// A message under construction.
#[derive(Clone, Debug, Default)]
pub struct Message(Vec<u8>);

impl Message {
    pub fn new() -> Self {
        Self::default()
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    /// An integer field. Negative numbers take ten bytes, as protobuf's `int64` does.
    pub fn int(&mut self, field: u32, value: i64) -> &mut Self {
        self.varint(u64::from(field) << 3);
        self.varint(value as u64);
        self
    }

    /// A 32-bit float field.
    pub fn float(&mut self, field: u32, value: f32) -> &mut Self {
        self.varint(u64::from(field) << 3 | 5);
        self.0.extend_from_slice(&value.to_le_bytes());
        self
    }

    /// A bytes field.
    pub fn bytes(&mut self, field: u32, value: &[u8]) -> &mut Self {
        self.varint(u64::from(field) << 3 | 2);
        self.varint(value.len() as u64);
        self.0.extend_from_slice(value);
        self
    }

    /// A text field.
    pub fn text(&mut self, field: u32, value: &str) -> &mut Self {
        self.bytes(field, value.as_bytes())
    }

    /// A message field.
    pub fn message(&mut self, field: u32, value: &Self) -> &mut Self {
        self.bytes(field, &value.0)
    }

    /// The encoded message.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

/// A value of a node's attribute.
#[derive(Clone, Debug)]
pub enum Attribute {
    Int(i64),
    Float(f32),
    Ints(Vec<i64>),
}

impl Attribute {
    /// `AttributeProto`; readers insist on `type` (field 20).
    pub fn encode(&self, name: &str) -> Message {
        let mut message = Message::new();
        message.text(1, name);
        match self {
            Self::Float(value) => message.float(2, *value).int(20, 1),
            Self::Int(value) => message.int(3, *value).int(20, 2),
            Self::Ints(values) => {
                for value in values {
                    message.int(8, *value);
                }
                message.int(20, 7)
            }
        };
        message
    }
}

/// `TensorProto` with raw little-endian data.
pub fn tensor(name: &str, data_type: DataType, dims: &[usize], raw: &[u8]) -> Message {
    let mut message = Message::new();
    for dim in dims {
        message.int(1, *dim as i64);
    }
    message.int(2, data_type as i64).text(8, name).bytes(9, raw);
    message
}

/// `ValueInfoProto` of a 32-bit float tensor with fixed shape.
pub fn value_info(name: &str, dims: &[usize]) -> Message {
    let mut shape = Message::new();
    for dim in dims {
        shape.message(1, Message::new().int(1, *dim as i64));
    }
    let mut tensor_type = Message::new();
    tensor_type.int(1, DataType::Float as i64).message(2, &shape);
    let mut type_proto = Message::new();
    type_proto.message(1, &tensor_type);
    let mut message = Message::new();
    message.text(1, name).message(2, &type_proto);
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_those_of_protobuf() {
        let mut message = Message::new();
        message.int(1, 150).text(2, "testing").float(3, 1.0).int(4, -1);
        let expected = [
            &[0x08, 0x96, 0x01, 0x12, 0x07][..],
            b"testing",
            &[0x1d, 0, 0, 0x80, 0x3f],
            &[0x20, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
        ];
        assert_eq!(message.into_bytes(), expected.concat());
    }
}
