//! A graph builder: each method adds a node and returns the name of what it gives.

use super::proto::{Attribute, DataType, Message, tensor, value_info};

/// Opset of the operators used; LayerNormalization came with 17, Gelu with 20.
const OPSET: i64 = 20;
/// IR version that goes with it.
const IR_VERSION: i64 = 9;

/// The name of a tensor in the graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value(String);

/// An ONNX model under construction.
#[derive(Debug, Default)]
pub struct Graph {
    nodes: Vec<Message>,
    initializers: Vec<Message>,
    inputs: Vec<Message>,
    outputs: Vec<Message>,
    count: usize,
}

impl Graph {
    pub fn new() -> Self {
        Self::default()
    }

    fn fresh(&mut self, stem: &str) -> String {
        self.count += 1;
        format!("{stem}_{}", self.count)
    }

    /// A 32-bit float input of fixed shape.
    pub fn input(&mut self, name: &str, dims: &[usize]) -> Value {
        self.inputs.push(value_info(name, dims));
        Value(name.to_owned())
    }

    /// Names a value as an output.
    pub fn output(&mut self, name: &str, value: &Value, dims: &[usize]) {
        let mut node = Message::new();
        node.text(1, &value.0).text(2, name).text(3, name).text(4, "Identity");
        self.nodes.push(node);
        self.outputs.push(value_info(name, dims));
    }

    fn constant(&mut self, data_type: DataType, dims: &[usize], raw: &[u8]) -> Value {
        let name = self.fresh("const");
        self.initializers.push(tensor(&name, data_type, dims, raw));
        Value(name)
    }

    /// A float constant; no `dims` make a scalar.
    pub fn floats(&mut self, dims: &[usize], values: &[f32]) -> Value {
        assert_eq!(dims.iter().product::<usize>(), values.len(), "a constant has as many values as its shape says");
        let raw: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(DataType::Float, dims, &raw)
    }

    /// A float scalar.
    pub fn scalar(&mut self, value: f32) -> Value {
        self.floats(&[], &[value])
    }

    /// A signed byte constant.
    pub fn int8(&mut self, dims: &[usize], values: &[i8]) -> Value {
        let raw: Vec<u8> = values.iter().map(|value| *value as u8).collect();
        self.constant(DataType::Int8, dims, &raw)
    }

    /// An unsigned byte scalar.
    pub fn uint8_scalar(&mut self, value: u8) -> Value {
        self.constant(DataType::Uint8, &[], &[value])
    }

    /// A list of integers (shapes, axes, places).
    pub fn ints(&mut self, values: &[i64]) -> Value {
        let raw: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(DataType::Int64, &[values.len()], &raw)
    }

    /// A node with one output.
    pub fn node(&mut self, op: &str, inputs: &[&Value], attributes: &[(&str, Attribute)]) -> Value {
        self.node_n(op, inputs, attributes, 1).remove(0)
    }

    /// A node with several outputs.
    pub fn node_n(
        &mut self,
        op: &str,
        inputs: &[&Value],
        attributes: &[(&str, Attribute)],
        outputs: usize,
    ) -> Vec<Value> {
        let name = self.fresh(op);
        let values: Vec<Value> = match outputs {
            1 => vec![Value(name.clone())],
            _ => (0..outputs).map(|i| Value(format!("{name}_{i}"))).collect(),
        };
        let mut node = Message::new();
        for input in inputs {
            node.text(1, &input.0);
        }
        for value in &values {
            node.text(2, &value.0);
        }
        node.text(3, &name).text(4, op);
        for (name, attribute) in attributes {
            node.message(5, &attribute.encode(name));
        }
        self.nodes.push(node);
        values
    }

    /// The mean of values of one shape; the value itself where there is only one.
    pub fn mean(&mut self, values: &[&Value]) -> Value {
        let (first, others) = values.split_first().expect("a mean is of something");
        if others.is_empty() {
            return (*first).clone();
        }
        let sum = others.iter().fold((*first).clone(), |sum, value| self.node("Add", &[&sum, value], &[]));
        let share = self.scalar((values.len() as f32).recip());
        self.node("Mul", &[&sum, &share], &[])
    }

    /// The last `len` positions of an axis.
    pub fn tail(&mut self, value: &Value, axis: i64, len: i64) -> Value {
        self.slice(value, axis, -len, i64::MAX)
    }

    /// Positions `from..to` of an axis.
    pub fn slice(&mut self, value: &Value, axis: i64, from: i64, to: i64) -> Value {
        let (starts, ends, axes) = (self.ints(&[from]), self.ints(&[to]), self.ints(&[axis]));
        self.node("Slice", &[value, &starts, &ends, &axes], &[])
    }

    /// The same values in another shape.
    pub fn reshape(&mut self, value: &Value, dims: &[i64]) -> Value {
        let dims = self.ints(dims);
        self.node("Reshape", &[value, &dims], &[])
    }

    /// Axes in another order.
    pub fn transpose(&mut self, value: &Value, perm: &[i64]) -> Value {
        self.node("Transpose", &[value], &[("perm", Attribute::Ints(perm.to_vec()))])
    }

    /// Parts of the last axis, of these lengths.
    pub fn split<const N: usize>(&mut self, value: &Value, lens: [usize; N]) -> [Value; N] {
        let lens = self.ints(&lens.map(|len| len as i64));
        let parts = self.node_n("Split", &[value, &lens], &[("axis", Attribute::Int(-1))], N);
        parts.try_into().expect("as many outputs as lengths")
    }

    /// The model file. The metadata is for people and tools; no engine needs it.
    pub fn finish(self, name: &str, producer_version: &str, metadata: &[(&str, String)]) -> Vec<u8> {
        let mut graph = Message::new();
        for node in &self.nodes {
            graph.message(1, node);
        }
        graph.text(2, name);
        for initializer in &self.initializers {
            graph.message(5, initializer);
        }
        for input in &self.inputs {
            graph.message(11, input);
        }
        for output in &self.outputs {
            graph.message(12, output);
        }
        let mut opset = Message::new();
        opset.text(1, "").int(2, OPSET);
        let mut model = Message::new();
        model.int(1, IR_VERSION).text(2, "tickerbox-trainer").text(3, producer_version);
        model.message(7, &graph).message(8, &opset);
        for (key, value) in metadata {
            model.message(14, Message::new().text(1, key).text(2, value));
        }
        model.into_bytes()
    }
}
