import CProtobufC
import CWire
package import Experience

/// What an environment in another process answers (`proto/environment.proto`). Sizes of columns, and whether elements lie
/// in their space, are the client's to check.
package struct EnvironmentReply: Sendable, Hashable {
    /// What is the same for all tasks.
    package struct Description: Sendable, Hashable {
        package let name: String
        package let observation: Space
        package let action: Space
        /// Most steps of an episode; nil where there is no limit.
        package let horizon: Int?
        /// Tasks that the environment makes from their numbers; 0 where it is told what a task is.
        package let tasks: Int
        /// Packages with their versions.
        package let software: [String: String]

        package init(
            name: String, observation: Space, action: Space, horizon: Int? = nil, tasks: Int = 0,
            software: [String: String] = [:]
        ) {
            self.name = name
            self.observation = observation
            self.action = action
            self.horizon = horizon
            self.tasks = tasks
            self.software = software
        }
    }

    /// What comes of a step, end to end, a row for each copy.
    package struct Transitions: Sendable, Hashable {
        package let observations: [UInt8]
        /// Little-endian float32.
        package let rewards: [UInt8]
        package let terminations: [UInt8]
        package let truncations: [UInt8]

        package init(observations: [UInt8], rewards: [UInt8], terminations: [UInt8], truncations: [UInt8]) {
            self.observations = observations
            self.rewards = rewards
            self.terminations = terminations
            self.truncations = truncations
        }
    }

    package enum Body: Sendable, Hashable {
        case description(Description)
        case observations([UInt8])
        case transitions(Transitions)
        case closed
        /// `canGoOn`: the copies are as they were before the request.
        case failure(String, canGoOn: Bool)
    }

    /// Of the request that it answers.
    package let id: UInt64
    package let body: Body

    package init(id: UInt64, _ body: Body) {
        self.id = id
        self.body = body
    }

    /// Reads what a process has sent, which is not trusted. Throws `WireError` for what is not a reply of this version.
    package init(decoding bytes: UnsafeRawBufferPointer) throws {
        let memory = DecodingMemory(messageBytes: bytes.count)
        var allocator = memory.allocator
        defer { withExtendedLifetime(memory) {} }
        guard
            let message = distillery__environment__reply__unpack(
                &allocator, bytes.count, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self))?.pointee
        else { throw WireError("\(bytes.count) bytes that are not a protocol buffer of distillery.environment.Reply") }
        guard message.protocol_version == EnvironmentRequest.protocolVersion else {
            throw WireError(
                "version \(message.protocol_version) of the environment's protocol; this program speaks version "
                    + "\(EnvironmentRequest.protocolVersion)")
        }
        id = message.id
        body = try Self.body(of: message)
    }

    private static func body(of message: Distillery__Environment__Reply) throws -> Body {
        switch message.body_case {
        case DISTILLERY__ENVIRONMENT__REPLY__BODY_DESCRIPTION:
            .description(try Description(decoding: message.description))
        case DISTILLERY__ENVIRONMENT__REPLY__BODY_OBSERVATIONS:
            .observations(message.observations.map { Field.bytes($0.pointee.observations) } ?? [])
        case DISTILLERY__ENVIRONMENT__REPLY__BODY_TRANSITIONS:
            .transitions(try Transitions(decoding: message.transitions))
        case DISTILLERY__ENVIRONMENT__REPLY__BODY_CLOSED: .closed
        case DISTILLERY__ENVIRONMENT__REPLY__BODY_FAILURE:
            .failure(
                Field.beginning(of: message.failure?.pointee.reason),
                canGoOn: message.failure.map { $0.pointee.can_go_on != 0 } ?? false)
        default: throw WireError("a reply without a body, or with one of a later protocol")
        }
    }
}

extension EnvironmentReply.Transitions: WireValue {
    static var initialiser: (UnsafeMutablePointer<Distillery__Environment__Transitions>?) -> Void {
        distillery__environment__transitions__init
    }

    func encode(into body: inout Distillery__Environment__Transitions, _ arena: EncodingArena) {
        body.observations = arena.bytes(observations)
        body.rewards = arena.bytes(rewards)
        body.terminations = arena.bytes(terminations)
        body.truncations = arena.bytes(truncations)
    }

    init(decoding body: Distillery__Environment__Transitions) {
        observations = Field.bytes(body.observations)
        rewards = Field.bytes(body.rewards)
        terminations = Field.bytes(body.terminations)
        truncations = Field.bytes(body.truncations)
    }
}

extension EnvironmentReply.Description: WireValue {
    static var initialiser: (UnsafeMutablePointer<Distillery__Environment__Description>?) -> Void {
        distillery__environment__description__init
    }
    private static var mostPackages: Int { 64 }

    func encode(into body: inout Distillery__Environment__Description, _ arena: EncodingArena) {
        body.name = arena.string(name)
        body.observation = arena.make(SpaceMessage(observation))
        body.action = arena.make(SpaceMessage(action))
        body.horizon = UInt64(horizon ?? 0)
        body.tasks = UInt64(tasks)
        (body.n_software, body.software) = arena.list(
            software.sorted { $0.key < $1.key }.map { NamedText(name: $0.key, value: $0.value) })
    }

    init(decoding body: Distillery__Environment__Description) throws {
        let software: [NamedText] = try Field.list(
            body.software, body.n_software, limit: Self.mostPackages, "packages")
        guard body.horizon <= UInt64(Int32.max), body.tasks <= UInt64(Int32.max) else {
            throw WireError("a horizon of \(body.horizon) and \(body.tasks) tasks; at most \(Int32.max) are accepted")
        }
        self.init(
            name: try Field.shortText(body.name, "name of an environment"),
            observation: try SpaceMessage(decoding: body.observation).space,
            action: try SpaceMessage(decoding: body.action).space,
            horizon: body.horizon == 0 ? nil : Int(body.horizon), tasks: Int(body.tasks),
            software: Dictionary(software.map { ($0.name, $0.value) }, uniquingKeysWith: { $1 }))
    }
}

private struct NamedText: WireValue {
    let name: String
    let value: String

    static var initialiser: (UnsafeMutablePointer<Distillery__Environment__Setting>?) -> Void {
        distillery__environment__setting__init
    }

    init(name: String, value: String) {
        self.name = name
        self.value = value
    }

    func encode(into body: inout Distillery__Environment__Setting, _ arena: EncodingArena) {
        body.name = arena.string(name)
        body.value = arena.string(value)
    }

    init(decoding body: Distillery__Environment__Setting) throws {
        name = try Field.shortText(body.name, "package's name")
        value = try Field.shortText(body.value, "package's version")
    }
}
