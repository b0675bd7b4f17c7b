import Foundation

/// Which module may import which others of ours, in the order in which data walks through them: a module imports only
/// what stands above it. System libraries, Foundation and packages of others are not of the house.
enum House {
    static let allowed: [(module: String, imports: Set<String>)] = [
        ("Files", []),
        ("Quantities", []),
        ("Settings", []),
        ("Experience", []),
        ("Wire", ["Experience"]),
        ("Transport", []),
        ("Processes", ["Quantities"]),
        ("ExternalEnvironments", ["Files", "Wire", "Transport", "Processes"]),
        ("Environments", ["Settings", "Experience", "Wire", "ExternalEnvironments"]),
        ("Pictures", ["Environments", "Experience"]),
        ("Neural", ["Settings", "Files"]),
        ("Agents", ["Settings", "Neural", "Environments", "Experience"]),
        ("Histories", ["Environments", "Experience", "Files"]),
        ("Monitoring", []),
        ("Models", ["Settings", "Neural", "Experience"]),
        (
            "Distillation",
            ["Settings", "Models", "Agents", "Neural", "Histories", "Environments", "Experience", "Files"]
        ),
        (
            "Experiments",
            ["Settings", "Quantities", "Distillation", "Models", "Agents", "Neural", "Environments", "Experience"]
        ),
        ("MessagePassing", ["Distillation", "Processes"]),
        ("Catalog", ["Environments", "Experience"]),
        ("Nodes", ["Monitoring", "Wire", "Transport", "Processes", "Files", "Experience"]),
        (
            "Collecting",
            [
                "Quantities",
                "Settings", "Nodes", "Experiments", "Distillation", "Histories", "Agents", "Wire", "Transport",
                "Environments",
                "Experience", "Files",
            ]
        ),
        (
            "Distilling",
            [
                "Quantities",
                "Collecting", "Nodes", "Experiments", "Distillation", "Models", "Histories", "Agents", "Wire",
                "Transport", "Processes",
                "Environments", "Experience", "Files",
            ]
        ),
        (
            "Coordination",
            [
                "Quantities",
                "Nodes", "Monitoring", "Experiments", "Catalog", "Distillation", "Histories", "Wire", "Transport",
                "Processes",
                "Environments",
                "Experience", "Files",
            ]
        ),
        ("Supervision", ["Monitoring", "Nodes", "Wire", "Transport", "Processes", "Files"]),
        (
            "Reporting",
            [
                "Quantities",
                "Settings", "Agents", "Catalog", "Experiments", "Distillation", "Histories", "Environments",
                "Experience", "Files",
            ]
        ),
        (
            "Benchmarks",
            [
                "Quantities", "Settings",
                "Supervision", "Coordination", "Collecting", "Nodes", "Catalog", "Experiments", "Histories",
                "Distillation", "Models", "Agents", "Neural",
                "Wire", "Transport", "Processes", "Environments", "Experience",
            ]
        ),
        (
            "Commands",
            [
                "Quantities",
                "Settings",
                "Benchmarks", "Reporting", "Pictures", "Supervision", "Coordination", "Distilling", "Collecting",
                "Nodes",
                "Monitoring", "Catalog",
                "Experiments", "MessagePassing", "Distillation", "Processes", "Transport", "Wire", "Histories",
                "Environments", "Experience", "Files",
            ]
        ),
        ("distillery", ["Commands"]),
    ]

    static var modules: Set<String> { Set(allowed.map(\.module)) }

    /// The repository.
    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// The Swift files of a module, in no order.
    static func files(of module: String) -> [URL] {
        let folder = root.appending(path: "Sources/\(module)")
        let all = FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil)
        return (all?.compactMap { $0 as? URL } ?? []).filter { $0.pathExtension == "swift" }
    }
}
