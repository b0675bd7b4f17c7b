package import Settings

/// A kind of network that turns an image into a vector: what a registry holds and an experiment names. Sequence models
/// and source algorithms take any of them.
///
/// A kind is its settings, and the steps that it appends to a plan; `ImageEncoder` computes any plan. What follows the
/// steps, flattened, rectified and linear, is the same for all kinds.
package protocol ImageEncoderKind: SendableMetatype {
    associatedtype Settings: ImageEncoderSettings

    /// In experiments and in checkpoints, for example "resnet".
    static var name: String { get }
    /// One sentence for people.
    static var summary: String { get }

    /// Appends all steps up to the flattening, and returns where the last of them leaves its result. Throws
    /// `SettingsError` for settings that leave nothing of such an image.
    static func append(_ settings: Settings, to plan: inout ImagePlan, image: ImageSize) throws -> ImagePlan.Slot
}

/// The dimensions of a kind of image encoder.
package protocol ImageEncoderSettings: SettingsGroup {
    /// Units of the linear layer behind the steps.
    var units: Int { get }
}

extension RegisteredImageEncoder {
    /// The kinds of image encoder, a line each.
    package static let registry = Registry<RegisteredImageEncoder>(
        "image encoder",
        [
            RegisteredImageEncoder(ConvolutionalEncoder.self),
            RegisteredImageEncoder(ResidualEncoder.self),
        ])
}

/// A kind of image encoder in the registry. Settings of another kind are a bug of ours and trap.
package struct RegisteredImageEncoder: SettingsKind {
    package let name: String
    package let summary: String
    package let defaults: any SettingsGroup
    fileprivate let append: @Sendable (any SettingsGroup, inout ImagePlan, ImageSize) throws -> ImagePlan.Slot
    fileprivate let units: @Sendable (any SettingsGroup) -> Int

    package init<Kind: ImageEncoderKind>(_ kind: Kind.Type) {
        @Sendable func typed(_ settings: any SettingsGroup) -> Kind.Settings {
            guard let settings = settings as? Kind.Settings else {
                preconditionFailure("settings of another image encoder than \(Kind.name)")
            }
            return settings
        }
        name = Kind.name
        summary = Kind.summary
        defaults = Kind.Settings()
        append = { try Kind.append(typed($0), to: &$1, image: $2) }
        units = { typed($0).units }
    }
}

/// A kind of image encoder with its settings.
package typealias ImageEncoderChoice = Chosen<RegisteredImageEncoder>

extension Chosen where Kind == RegisteredImageEncoder {
    /// The choice as code makes it, with the kind's defaults where no settings are given.
    package init<Encoder: ImageEncoderKind>(
        _ kind: Encoder.Type, _ settings: Encoder.Settings = Encoder.Settings()
    ) {
        self.init(RegisteredImageEncoder(kind), settings: settings)
    }

    /// Units of the linear layer behind the steps.
    package var units: Int { kind.units(settings) }

    /// Throws `SettingsError` for settings out of range, and for those that leave nothing of such an image.
    func append(to plan: inout ImagePlan, image: ImageSize) throws -> ImagePlan.Slot {
        func validate<Group: SettingsGroup>(_ settings: Group) throws { try settings.validate() }
        try validate(settings)
        return try kind.append(settings, &plan, image)
    }
}
