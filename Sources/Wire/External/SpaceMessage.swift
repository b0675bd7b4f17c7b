import CWire
import Experience

/// A space as an environment's process declares it.
struct SpaceMessage {
    let space: Space

    /// Largest element that a process may declare, in bytes: as of a stream's file.
    static let largestElementBytes = 16 << 20
    private static let mostComponents = 65_536
    private static let mostDimensions = 8

    init(_ space: Space) { self.space = space }
}

extension SpaceMessage: WireValue {
    static var initialiser: (UnsafeMutablePointer<Distillery__Environment__Space>?) -> Void {
        distillery__environment__space__init
    }

    func encode(into body: inout Distillery__Environment__Space, _ arena: EncodingArena) {
        switch space {
        case .discrete(let count):
            body.kind_case = DISTILLERY__ENVIRONMENT__SPACE__KIND_DISCRETE
            body.discrete = arena.make(DiscreteMessage(count: UInt32(count)))
        case .multiDiscrete(let counts):
            body.kind_case = DISTILLERY__ENVIRONMENT__SPACE__KIND_MULTI_DISCRETE
            body.multi_discrete = arena.make(MultiDiscreteMessage(counts: counts.map { UInt32($0) }))
        case .box(let shape, let type, let low, let high):
            body.kind_case = DISTILLERY__ENVIRONMENT__SPACE__KIND_BOX
            body.box = arena.make(BoxMessage(shape: shape.map { UInt32($0) }, type: type, low: low, high: high))
        }
    }

    /// Throws for spaces of absurd size, without components, or with bounds that are none.
    init(decoding body: Distillery__Environment__Space) throws {
        switch body.kind_case {
        case DISTILLERY__ENVIRONMENT__SPACE__KIND_DISCRETE:
            space = .discrete(count: try Self.count(try DiscreteMessage(decoding: body.discrete).count))
        case DISTILLERY__ENVIRONMENT__SPACE__KIND_MULTI_DISCRETE:
            let counts = try MultiDiscreteMessage(decoding: body.multi_discrete).counts
            guard (1...Self.mostComponents).contains(counts.count) else {
                throw WireError("a space of \(counts.count) integers; expected 1 to \(Self.mostComponents)")
            }
            space = .multiDiscrete(counts: try counts.map(Self.count))
        case DISTILLERY__ENVIRONMENT__SPACE__KIND_BOX:
            let box = try BoxMessage(decoding: body.box)
            guard box.shape.count <= Self.mostDimensions, box.low < box.high else {
                throw WireError(
                    "a box of \(box.shape.count) dimensions from \(box.low) to \(box.high); expected at most "
                        + "\(Self.mostDimensions) and a lower bound below the upper one")
            }
            var bytes = box.type.byteCount
            for size in box.shape {
                guard size >= 1, size <= Self.largestElementBytes, bytes * Int(size) <= Self.largestElementBytes else {
                    throw WireError(
                        "a box of shape \(box.shape); at most \(Self.largestElementBytes) bytes are accepted")
                }
                bytes *= Int(size)
            }
            space = .box(shape: box.shape.map { Int($0) }, type: box.type, low: box.low, high: box.high)
        default: throw WireError("a space that is neither discrete nor a box")
        }
    }

    private static func count(_ value: UInt32) throws -> Int {
        guard value >= 1, value <= UInt32(Int32.max) else { throw WireError("a space of \(value) integers") }
        return Int(value)
    }
}

private struct DiscreteMessage: WireValue {
    let count: UInt32

    static var initialiser: (UnsafeMutablePointer<Distillery__Environment__Discrete>?) -> Void {
        distillery__environment__discrete__init
    }
    init(count: UInt32) { self.count = count }
    func encode(into body: inout Distillery__Environment__Discrete, _ arena: EncodingArena) { body.count = count }
    init(decoding body: Distillery__Environment__Discrete) { count = body.count }
}

private struct MultiDiscreteMessage: WireValue {
    let counts: [UInt32]

    static var initialiser: (UnsafeMutablePointer<Distillery__Environment__MultiDiscrete>?) -> Void {
        distillery__environment__multi_discrete__init
    }
    init(counts: [UInt32]) { self.counts = counts }

    func encode(into body: inout Distillery__Environment__MultiDiscrete, _ arena: EncodingArena) {
        (body.n_counts, body.counts) = arena.array(counts)
    }
    init(decoding body: Distillery__Environment__MultiDiscrete) { counts = Field.array(body.counts, body.n_counts) }
}

private struct BoxMessage: WireValue {
    let shape: [UInt32]
    let type: ElementType
    let low: Double
    let high: Double

    static var initialiser: (UnsafeMutablePointer<Distillery__Environment__Box>?) -> Void {
        distillery__environment__box__init
    }

    init(shape: [UInt32], type: ElementType, low: Double, high: Double) {
        self.shape = shape
        self.type = type
        self.low = low
        self.high = high
    }

    func encode(into body: inout Distillery__Environment__Box, _ arena: EncodingArena) {
        (body.n_shape, body.shape) = arena.array(shape)
        body.element =
            switch type {
            case .uint8: DISTILLERY__ENVIRONMENT__ELEMENT__UINT8
            case .int32: DISTILLERY__ENVIRONMENT__ELEMENT__INT32
            case .float32: DISTILLERY__ENVIRONMENT__ELEMENT__FLOAT32
            }
        (body.low, body.high) = (low, high)
    }

    init(decoding body: Distillery__Environment__Box) throws {
        shape = Field.array(body.shape, body.n_shape)
        switch body.element {
        case DISTILLERY__ENVIRONMENT__ELEMENT__UINT8: type = .uint8
        case DISTILLERY__ENVIRONMENT__ELEMENT__INT32: type = .int32
        case DISTILLERY__ENVIRONMENT__ELEMENT__FLOAT32: type = .float32
        default: throw WireError("a box of unknown numbers")
        }
        (low, high) = (try Field.finite(body.low, "lower bound"), try Field.finite(body.high, "upper bound"))
    }
}

extension EnvironmentReply {
    /// The bytes that travel: for tests that stand in for an environment's process.
    package func encoded() -> [UInt8] {
        let arena = EncodingArena()
        var message = Distillery__Environment__Reply()
        distillery__environment__reply__init(&message)
        message.protocol_version = EnvironmentRequest.protocolVersion
        message.id = id
        switch body {
        case .description(let description):
            message.body_case = DISTILLERY__ENVIRONMENT__REPLY__BODY_DESCRIPTION
            message.description = arena.make(description)
        case .observations(let bytes):
            message.body_case = DISTILLERY__ENVIRONMENT__REPLY__BODY_OBSERVATIONS
            message.observations = arena.make(ObservationsMessage(observations: bytes))
        case .transitions(let transitions):
            message.body_case = DISTILLERY__ENVIRONMENT__REPLY__BODY_TRANSITIONS
            message.transitions = arena.make(transitions)
        case .closed:
            message.body_case = DISTILLERY__ENVIRONMENT__REPLY__BODY_CLOSED
            message.closed = arena.make(ClosedMessage())
        case .failure(let reason, let canGoOn):
            message.body_case = DISTILLERY__ENVIRONMENT__REPLY__BODY_FAILURE
            message.failure = arena.make(FailureMessage(reason: reason, canGoOn: canGoOn))
        }
        let size = distillery__environment__reply__get_packed_size(&message)
        return withExtendedLifetime(arena) {
            [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
                count = distillery__environment__reply__pack(&message, buffer.baseAddress)
            }
        }
    }
}

private struct ObservationsMessage: WireValue {
    let observations: [UInt8]
    static var initialiser: (UnsafeMutablePointer<Distillery__Environment__Observations>?) -> Void {
        distillery__environment__observations__init
    }
    init(observations: [UInt8]) { self.observations = observations }
    func encode(into body: inout Distillery__Environment__Observations, _ arena: EncodingArena) {
        body.observations = arena.bytes(observations)
    }
    init(decoding body: Distillery__Environment__Observations) { observations = Field.bytes(body.observations) }
}

private struct ClosedMessage: WireValue {
    static var initialiser: (UnsafeMutablePointer<Distillery__Environment__Closed>?) -> Void {
        distillery__environment__closed__init
    }
    init() {}
    func encode(into body: inout Distillery__Environment__Closed, _ arena: EncodingArena) {}
    init(decoding body: Distillery__Environment__Closed) {}
}

private struct FailureMessage: WireValue {
    let reason: String
    let canGoOn: Bool
    static var initialiser: (UnsafeMutablePointer<Distillery__Environment__Failure>?) -> Void {
        distillery__environment__failure__init
    }
    init(reason: String, canGoOn: Bool) {
        self.reason = reason
        self.canGoOn = canGoOn
    }
    func encode(into body: inout Distillery__Environment__Failure, _ arena: EncodingArena) {
        body.reason = arena.string(reason)
        body.can_go_on = arena.flag(canGoOn)
    }
    init(decoding body: Distillery__Environment__Failure) {
        reason = Field.beginning(of: body.reason)
        canGoOn = body.can_go_on != 0
    }
}
