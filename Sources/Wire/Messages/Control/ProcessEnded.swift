import CWire

/// Supervisor to coordinator, once: this process of its host has ended, however it did. The coordinator need not wait
/// until the node of the process counts as silent.
///
/// A lost message does no harm: the coordinator then misses the node by its silence, after 5 s.
struct ProcessEnded {
    /// As its `Hello` had it.
    let process: Int
}

extension ProcessEnded: WireMessage {
    static var initialiser: (UnsafeMutablePointer<Distillery__ProcessEnded>?) -> Void {
        distillery__process_ended__init
    }
    static var place: EnvelopePlace<Distillery__ProcessEnded> {
        .init(DISTILLERY__ENVELOPE__BODY_PROCESS_ENDED, \.process_ended)
    }

    func encode(into body: inout Distillery__ProcessEnded, _ arena: EncodingArena) { body.process = UInt32(process) }

    init(decoding body: Distillery__ProcessEnded) { process = Int(body.process) }
}
