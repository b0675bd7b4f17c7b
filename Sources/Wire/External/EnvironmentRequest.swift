import CProtobufC
import CWire

/// What an environment in another process is asked (`proto/environment.proto`).
package struct EnvironmentRequest: Sendable, Hashable {
    /// A copy whose episode begins.
    package struct Copy: Sendable, Hashable {
        package let index: Int
        /// 0: its random numbers go on from where they are.
        package let seed: UInt64

        package init(index: Int, seed: UInt64) {
            self.index = index
            self.seed = seed
        }
    }

    package enum Body: Sendable, Hashable {
        case describe
        /// Begins an episode in these copies, on the task that this JSON says.
        case reset([Copy], task: String)
        /// One step of all copies: (B, action bytes).
        case step(actions: [UInt8])
        case close
    }

    /// A process of another version refuses every request.
    package static let protocolVersion: UInt32 = 1

    /// Grows from one request to the next; the reply carries it.
    package let id: UInt64
    package let body: Body

    package init(id: UInt64, _ body: Body) {
        self.id = id
        self.body = body
    }

    /// The bytes that travel. Never fails.
    package func encoded() -> [UInt8] {
        let arena = EncodingArena()
        var message = Distillery__Environment__Request()
        distillery__environment__request__init(&message)
        message.protocol_version = Self.protocolVersion
        message.id = id
        put(into: &message, arena)
        let size = distillery__environment__request__get_packed_size(&message)
        return withExtendedLifetime(arena) {
            [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
                count = distillery__environment__request__pack(&message, buffer.baseAddress)
            }
        }
    }

    private func put(into message: inout Distillery__Environment__Request, _ arena: EncodingArena) {
        switch body {
        case .describe:
            message.body_case = DISTILLERY__ENVIRONMENT__REQUEST__BODY_DESCRIBE
            message.describe = arena.make(Nothing.describe)
        case .reset(let copies, let task):
            message.body_case = DISTILLERY__ENVIRONMENT__REQUEST__BODY_RESET
            message.reset = arena.make(Reset(copies: copies, task: task))
        case .step(let actions):
            message.body_case = DISTILLERY__ENVIRONMENT__REQUEST__BODY_STEP
            message.step = arena.make(Step(actions: actions))
        case .close:
            message.body_case = DISTILLERY__ENVIRONMENT__REQUEST__BODY_CLOSE
            message.close = arena.make(Closing())
        }
    }
}

/// A request without fields.
private enum Nothing: WireValue {
    case describe

    static var initialiser: (UnsafeMutablePointer<Distillery__Environment__Describe>?) -> Void {
        distillery__environment__describe__init
    }
    func encode(into body: inout Distillery__Environment__Describe, _ arena: EncodingArena) {}
    init(decoding body: Distillery__Environment__Describe) { self = .describe }
}

private struct Closing: WireValue {
    static var initialiser: (UnsafeMutablePointer<Distillery__Environment__Close>?) -> Void {
        distillery__environment__close__init
    }
    init() {}
    func encode(into body: inout Distillery__Environment__Close, _ arena: EncodingArena) {}
    init(decoding body: Distillery__Environment__Close) {}
}

private struct Reset: WireValue {
    let copies: [EnvironmentRequest.Copy]
    let task: String

    static var initialiser: (UnsafeMutablePointer<Distillery__Environment__Reset>?) -> Void {
        distillery__environment__reset__init
    }

    init(copies: [EnvironmentRequest.Copy], task: String) {
        self.copies = copies
        self.task = task
    }

    func encode(into body: inout Distillery__Environment__Reset, _ arena: EncodingArena) {
        (body.n_copies, body.copies) = arena.list(copies)
        body.task = arena.string(task)
    }

    init(decoding body: Distillery__Environment__Reset) throws {
        copies = try Field.list(body.copies, body.n_copies, limit: WireProtocol.actorLimit, "copies")
        task = Field.text(body.task)
    }
}

extension EnvironmentRequest.Copy: WireValue {
    static var initialiser: (UnsafeMutablePointer<Distillery__Environment__Copy>?) -> Void {
        distillery__environment__copy__init
    }

    func encode(into body: inout Distillery__Environment__Copy, _ arena: EncodingArena) {
        body.index = UInt32(index)
        body.seed = seed
    }

    init(decoding body: Distillery__Environment__Copy) { self.init(index: Int(body.index), seed: body.seed) }
}

private struct Step: WireValue {
    let actions: [UInt8]

    static var initialiser: (UnsafeMutablePointer<Distillery__Environment__Step>?) -> Void {
        distillery__environment__step__init
    }

    init(actions: [UInt8]) { self.actions = actions }

    func encode(into body: inout Distillery__Environment__Step, _ arena: EncodingArena) {
        body.actions = arena.bytes(actions)
    }

    init(decoding body: Distillery__Environment__Step) { actions = Field.bytes(body.actions) }
}

extension EnvironmentRequest {
    /// Reads a request, as an environment's process does: for tests that stand in for one. Throws `WireError`.
    package init(decoding bytes: UnsafeRawBufferPointer) throws {
        let memory = DecodingMemory(messageBytes: bytes.count)
        var allocator = memory.allocator
        defer { withExtendedLifetime(memory) {} }
        guard
            let message = distillery__environment__request__unpack(
                &allocator, bytes.count, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self))?.pointee
        else {
            throw WireError("\(bytes.count) bytes that are not a protocol buffer of distillery.environment.Request")
        }
        id = message.id
        switch message.body_case {
        case DISTILLERY__ENVIRONMENT__REQUEST__BODY_DESCRIBE: body = .describe
        case DISTILLERY__ENVIRONMENT__REQUEST__BODY_RESET:
            let reset = try Reset(decoding: message.reset)
            body = .reset(reset.copies, task: reset.task)
        case DISTILLERY__ENVIRONMENT__REQUEST__BODY_STEP:
            body = .step(actions: try Step(decoding: message.step).actions)
        case DISTILLERY__ENVIRONMENT__REQUEST__BODY_CLOSE: body = .close
        default: throw WireError("a request without a body, or with one of a later protocol")
        }
    }
}
