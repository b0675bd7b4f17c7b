/// Which module may import which others of ours, in the order in which data walks through them: a module imports only
/// what stands above it. System libraries, Foundation and packages of others are not of the house.
enum House {
    static let allowed: [(module: String, imports: Set<String>)] = [
        ("Files", []),
        ("Experience", []),
        ("Environments", ["Experience"]),
        ("Neural", ["Files"]),
        ("Agents", ["Neural", "Environments", "Experience"]),
        ("Histories", ["Environments", "Experience", "Files"]),
        ("Wire", ["Experience"]),
        ("Transport", []),
        ("Processes", []),
        ("Models", ["Neural", "Environments", "Experience"]),
        ("Distillation", ["Models", "Neural", "Histories", "Environments", "Experience", "Files"]),
        ("Experiments", ["Distillation", "Models", "Agents", "Environments", "Experience"]),
        ("Catalog", ["Environments", "Experience"]),
        ("Nodes", ["Wire", "Transport", "Processes", "Files", "Experience"]),
        (
            "Collecting",
            ["Nodes", "Experiments", "Histories", "Agents", "Wire", "Transport", "Environments", "Experience", "Files"]
        ),
        (
            "Distilling",
            [
                "Collecting", "Nodes", "Experiments", "Distillation", "Models", "Histories", "Agents", "Wire",
                "Environments", "Experience",
            ]
        ),
        (
            "Coordination",
            [
                "Nodes", "Experiments", "Catalog", "Distillation", "Wire", "Transport", "Processes", "Environments",
                "Experience", "Files",
            ]
        ),
        ("Supervision", ["Nodes", "Wire", "Transport", "Processes", "Files"]),
        (
            "Reporting",
            ["Catalog", "Experiments", "Distillation", "Histories", "Environments", "Experience", "Files"]
        ),
        (
            "Benchmarks",
            [
                "Coordination", "Collecting", "Nodes", "Experiments", "Distillation", "Models", "Agents", "Neural",
                "Wire", "Processes", "Environments", "Experience",
            ]
        ),
        (
            "distillery",
            [
                "Benchmarks", "Reporting", "Supervision", "Coordination", "Distilling", "Collecting", "Nodes",
                "Catalog",
                "Experiments", "Distillation", "Processes", "Transport", "Wire", "Histories",
                "Environments", "Experience", "Files",
            ]
        ),
    ]

    static var modules: Set<String> { Set(allowed.map(\.module)) }
}
