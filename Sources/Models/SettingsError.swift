/// A setting that cannot be used: its name, what it must be, what it was.
package struct SettingsError: Error, CustomStringConvertible, Sendable {
    package let setting: String
    package let description: String

    package init(_ setting: String, _ expectation: String, found: String) {
        self.setting = setting
        self.description = "\(setting) \(expectation), found \(found)"
    }
}

package func require<Value: Comparable>(_ value: Value, in range: ClosedRange<Value>, _ setting: String) throws {
    guard range.contains(value) else {
        throw SettingsError(setting, "must be between \(range.lowerBound) and \(range.upperBound)", found: "\(value)")
    }
}

/// A probability of 1 would drop everything, so it is excluded.
package func requireProbability(_ value: Double, _ setting: String) throws {
    guard value >= 0, value < 1 else {
        throw SettingsError(setting, "must be at least 0 and below 1", found: "\(value)")
    }
}
