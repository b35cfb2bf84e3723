// The clients of `skein bench flows`: its kernel program makes their packets, and the bench remembers their flows.

/// The address of one of the clients of a measurement, by its number: 10.0.0.0/8, as it lies in a packet.
@inline(__always) public func measuredAddress(_ client: UInt32) -> UInt32 { 10 | (client >> 4) << 8 }

/// Its port, as it lies in a packet.
@inline(__always) public func measuredPort(_ client: UInt32) -> UInt16 { UInt16(truncatingIfNeeded: 4 | (client & 15) << 8) }
