import Distillation
package import Settings

/// One of an experiment's variants: a name, and what it has otherwise than the section `distil`. Kept as it was
/// written, so that it can be told again as it was told.
package struct Variant: Hashable, Sendable {
    package let name: String
    /// Keys of `distil` with their values, sections in sections.
    let changes: SettingText

    /// The settings of its distillations, which start from those of `base`. Throws `SettingsError` for keys that `distil`
    /// does not have, values out of range and values that contradict each other.
    package func settings(from base: DistilSettings) throws(SettingsError) -> DistilSettings {
        var reader = SettingsReader(Schema(DistilSettings.entries), initial: base)
        reader.read(changes.node(.text("variant \(name)")))
        return try reader.result { $0.contradictions() }
    }
}

extension ValueForm where Value == [Variant] {
    private static var most: Int { 64 }

    /// `[{name: ed, windows: {last_share: 0.05}}, ...]`, in YAML usually in its block style.
    static var variants: ValueForm {
        ValueForm(
            accepted: "list of at most \(most) variants, each a name and the keys of `distil` that it changes",
            read: { node throws(Mismatch) in
                guard case .list(let items) = node.content else { throw Mismatch(came: node.outline) }
                guard items.count <= most else { throw Mismatch(came: "a list of \(items.count)") }
                var variants: [Variant] = []
                for item in items { variants.append(try variant(item)) }
                return variants
            },
            write: { variants in
                .list(
                    variants.map { variant in
                        guard case .section(let changes) = variant.changes else { return variant.changes }
                        return .section([SettingText.Member("name", .text(variant.name))] + changes)
                    })
            })
    }

    private static func variant(_ node: SettingNode) throws(Mismatch) -> Variant {
        guard case .section(let members) = node.content else { throw Mismatch(came: node.outline) }
        guard let name = members.first(where: { $0.name == "name" })?.value else {
            throw Mismatch(came: "a variant without a name")
        }
        let changes = SettingNode(.section(members.filter { $0.name != "name" }), origin: node.origin)
        return Variant(name: try ValueForm<String>.itemName.read(name), changes: SettingText(changes))
    }
}

extension ValueForm where Value == String {
    /// The name of a variant or an evaluation: a part of folders' names.
    static var itemName: ValueForm {
        .text("a name of 1 to 20 ASCII letters, digits, '-' and '_'") { name in
            let accepted = name.utf8.allSatisfy { $0 < 128 } && name.allSatisfy(Experiment.isPartOfName)
            guard accepted, name.count <= 20 else { return "it is part of a folder's name" }
            return name.hasPrefix("step-") ? "checkpoints are named so" : nil
        }
    }
}

/// One training of one variant: an item of the plan of work, and a folder of checkpoints.
package struct PlannedDistillation: Sendable, Hashable {
    /// The folder of its checkpoints below `checkpoints/distiller`; empty where a run has only one, whose checkpoints lie
    /// there themselves.
    package let name: String
    /// The variant's name; empty where there are none.
    package let variant: String
    /// Of the training, `settings.training.seed`.
    package let seed: UInt64
    package let settings: DistilSettings

    /// What people call it: `ed-seed-1`, or `the distillation` where there is only one.
    package var title: String { name.isEmpty ? "the distillation" : name }

    /// The name of one of its checkpoints as messages, streams and the catalogue have it: the path below
    /// `checkpoints/distiller`.
    package func checkpoint(_ step: String) -> String { name.isEmpty ? step : "\(name)/\(step)" }

    /// The checkpoint that it ends with where no limit of seconds ends it before.
    package var lastCheckpoint: String { checkpoint(Checkpoint.name(ofStep: settings.training.steps)) }
}

extension Experiment {
    /// What is trained, in the order in which it is begun: every variant with its first seed, then every variant with
    /// the next. Cannot throw for an experiment that was read: its variants were checked.
    package func distillations() throws(SettingsError) -> [PlannedDistillation] {
        var bases: [(variant: String, settings: DistilSettings)] = []
        for variant in variants { bases.append((variant.name, try variant.settings(from: distil))) }
        if bases.isEmpty { bases = [("", distil)] }
        return (0..<distil.seeds).flatMap { repetition in
            bases.map { variant, base in
                var settings = base
                settings.training.seed &+= UInt64(repetition)
                let seed = distil.seeds > 1 ? "seed-\(repetition)" : ""
                let name = [variant, seed].filter { !$0.isEmpty }.joined(separator: "-")
                return PlannedDistillation(
                    name: name, variant: variant, seed: settings.training.seed, settings: settings)
            }
        }
    }

    /// This experiment with one of its distillations as the only one: what its trainer and its checkpoints know of it.
    package func distilling(_ distillation: PlannedDistillation) -> Experiment {
        var experiment = self
        experiment.variants = []
        experiment.evaluations = []
        experiment.claims = []
        experiment.attention = nil
        experiment.distil = distillation.settings
        experiment.distil.seeds = 1
        return experiment
    }

    /// The distillation that a checkpoint is of, by the checkpoint's name; nil for one that is not planned.
    package func distillation(of checkpoint: String) -> PlannedDistillation? {
        let name = Checkpoint.parts(of: checkpoint).distillation
        return (try? distillations())?.first { $0.name == name }
    }

    /// Variants that cannot be trained, and names that stand twice.
    var variantContradictions: [Contradiction] {
        var found: [Contradiction] = []
        var names: Set<String> = []
        for variant in variants {
            if !names.insert(variant.name).inserted {
                found.append(Contradiction(["variants"], "\(variant.name) stands there twice"))
            }
            do throws(SettingsError) {
                let settings = try variant.settings(from: distil)
                guard settings.seeds == distil.seeds else {
                    found.append(
                        Contradiction(
                            ["variants"], "variant \(variant.name): seeds: all variants have those of distil.seeds"))
                    continue
                }
            } catch {
                found += error.problems.map { Contradiction(["variants"], "\($0)") }
            }
        }
        return found
    }
}
