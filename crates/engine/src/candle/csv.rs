//! The candle file format: `open_time_ms,open,high,low,close,volume`.
