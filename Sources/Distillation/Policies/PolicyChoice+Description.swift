package import Experience
package import Settings

extension Chosen where Kind == RegisteredPolicy {
    /// The choice as it travels and as streams remember it.
    package var described: PolicyDescription {
        if let settings = settings as? DistilledPolicy.Settings, settings.prompt == nil, settings.slide == 1 {
            return .inContext(temperature: settings.temperature, clearContext: settings.context == .cleared)
        }
        return .named(name, settings: json)
    }

    /// Throws `SettingsError` for a name that no policy has, and for settings that are none of it or out of range.
    package init(_ description: PolicyDescription) throws(SettingsError) {
        switch description {
        case .inContext(let temperature, let clearContext):
            let settings = DistilledPolicy.Settings(temperature: temperature, context: clearContext ? .cleared : .kept)
            try settings.validate()
            self.init(DistilledPolicy.self, settings)
        case .named(let name, let settings):
            try self.init(try RegisteredPolicy.registry.named(name), json: settings)
        }
    }
}
