package import Environments
package import Settings

extension Experiment {
    /// The environment of this name with some of its settings changed, each by KEY=VALUE, such as `size=5`, whose value
    /// is YAML as in an experiment's overrides.
    ///
    /// Throws `SettingsError` for an unknown name, and with everything that is wrong with the settings.
    package static func environment(
        named name: String, overrides: [String]
    ) throws(SettingsError) -> EnvironmentSettings {
        let kind = try RegisteredEnvironment.registry.named(name)
        func chosen<Group: SettingsGroup>(_ defaults: Group) throws(SettingsError) -> EnvironmentSettings {
            EnvironmentSettings(kind, settings: try defaults.overridden(overrides))
        }
        let settings = try chosen(kind.defaults)
        do { return try settings.completed() } catch {
            throw SettingsError([Problem(origin: nil, key: "", message: "\(error)")])
        }
    }
}

extension SettingsGroup {
    /// The same with the changed values; see `Experiment.init(yaml:file:overrides:)`.
    fileprivate func overridden(_ overrides: [String]) throws(SettingsError) -> Self {
        var reader = SettingsReader(Schema(Self.entries), initial: self)
        var tree = SettingNode(.section([]), origin: .text("the settings"))
        for assignment in overrides {
            let origin = Origin.flag("--set \(assignment)")
            do {
                let (path, value) = try Experiment.override(assignment, origin)
                reader.override(path, with: value, in: &tree)
            } catch {
                reader.report(origin, error.key, error.message)
            }
        }
        reader.read(tree)
        return try reader.result { $0.contradictions() }
    }
}
