import Settings

/// How the keys of `config.json` were called in earlier versions.
///
/// Version 1 named values as our fields are called: `contextLength` for `context_length`, with the exceptions of
/// `names`. The format named the kind of model; the environment's settings were a text, beside its spaces.
enum FormerCheckpoint {
    private static let names = [
        "modelDimension": "dimension", "maximumStreamsPerLifetime": "streams_per_lifetime",
    ]

    /// Whether the tree is of the present version, in which nothing is left out.
    static func isCurrent(_ node: SettingNode) -> Bool {
        node.value(at: "version")?.outline == "'\(CheckpointDocument.version)'"
    }

    /// The tree as the present version has it. Throws `SettingsError` for a version that this program does not know.
    static func renewed(_ node: SettingNode) throws(SettingsError) -> SettingNode {
        if isCurrent(node) { return node }
        let version = node.value(at: "version")?.outline ?? "nothing"
        let format = node.value(at: "format")?.outline ?? "nothing"
        guard version == "'1'", format.hasPrefix("'distillery-"), case .section(let members) = node.content else {
            let message = "expected a checkpoint's configuration of version 1 or \(CheckpointDocument.version)"
            throw SettingsError([
                Problem(
                    origin: node.origin, key: "version", message: "\(message); \(version) of format \(format) came")
            ])
        }
        return try fromVersion1(members, node.origin)
    }

    private static func fromVersion1(_ members: [SettingNode.Member], _ origin: Origin) throws(SettingsError)
        -> SettingNode
    {
        func text(_ text: String) -> SettingNode { SettingNode(.scalar(text, isQuoted: true), origin: origin) }
        var renewed = SettingNode(.section([]), origin: origin)
        // Before there were several kinds of model, none was named.
        renewed.set("model.name", to: text("transformer"))
        // These were left out where there was nothing to say.
        for name in ["test_tasks", "horizon", "stored_name", "stored_space"] {
            renewed.set(name, to: SettingNode(.scalar("null", isQuoted: false), origin: origin))
        }
        for member in members where member.name != "environment" {
            renewed.set(current(member.name), to: withCurrentNames(member.value))
        }
        if case .section(let environment)? = members.first(where: { $0.name == "environment" })?.value.content {
            try add(environment, to: &renewed)
        }
        renewed.set("format", to: text(CheckpointDocument.format))
        renewed.set(
            "version", to: SettingNode(.scalar("\(CheckpointDocument.version)", isQuoted: false), origin: origin))
        return renewed
    }

    private static func add(_ environment: [SettingNode.Member], to renewed: inout SettingNode) throws(SettingsError) {
        guard environment.contains(where: { $0.name == "settings" }) else {
            throw SettingsError([
                Problem(origin: renewed.origin, key: "environment.settings", message: "this key is missing")
            ])
        }
        for member in environment {
            switch member.name {
            case "settings":
                guard case .scalar(let json, true) = member.value.content else {
                    throw SettingsError([
                        Problem(
                            origin: member.origin, key: "environment.settings",
                            message: "expected a text of JSON; \(member.value.outline) came")
                    ])
                }
                renewed.set("environment", to: try SettingNode(json: json, name: "\(renewed.origin): environment"))
            case "name": renewed.set("environment.name", to: member.value)
            default: renewed.set(current(member.name), to: member.value)
            }
        }
    }

    private static func withCurrentNames(_ node: SettingNode) -> SettingNode {
        guard case .section(let members) = node.content else { return node }
        let renamed = members.map {
            SettingNode.Member(name: current($0.name), origin: $0.origin, value: $0.value)
        }
        return SettingNode(.section(renamed), origin: node.origin)
    }

    /// `contextLength` as `context_length`.
    private static func current(_ name: String) -> String {
        names[name] ?? name.reduce("") { $0 + ($1.isUppercase ? "_" : "") + $1.lowercased() }
    }
}
