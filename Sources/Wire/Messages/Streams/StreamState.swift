import CWire

/// What may become of a stream; the raw values are those of the .proto.
package enum StreamState: UInt32, Sendable, Equatable, CaseIterable {
    /// It grows.
    case recording = 0
    /// Its marked last rollout is in the file, or the file is sealed: nothing can be appended.
    case ended = 1
    /// Its file was damaged and moved aside: it is neither recorded nor acknowledged any more.
    case quarantined = 2
    /// The carrier lived the stream again and sent other rollouts than the file has: it cannot go on.
    case diverged = 3
}

extension StreamState {
    /// The C enumeration has the same numbers.
    var encoded: Distillery__StreamState { Distillery__StreamState(rawValue) }

    /// Throws for a number that no state has: a later version may have more.
    init(decoding value: Distillery__StreamState) throws {
        guard let state = StreamState(rawValue: value.rawValue) else {
            throw WireError("a stream's state of \(value.rawValue)")
        }
        self = state
    }
}
