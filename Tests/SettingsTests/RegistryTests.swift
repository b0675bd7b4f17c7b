import Settings
import Testing

private struct Shape: SettingsKind {
    let name: String
    let summary: String
    let defaults: any SettingsGroup
}

private struct Square: SettingsGroup {
    var side = 4
    static let entries: [Entry<Square>] = [.key("side", \.side, .integer(1...9), stated: true, "Of all four.")]
}

private struct Disc: SettingsGroup {
    var radius = 2
    var colour: UInt64 = 7
    static let entries: [Entry<Disc>] = [
        .key("radius", \.radius, .integer(1...5), "From the centre."), .key("colour", \.colour, .seed, "Of it."),
    ]
    func contradictions() -> [Contradiction] {
        radius == 5 && colour == 5 ? [Contradiction(["radius", "colour"], "5 and 5 clash")] : []
    }
}

private let shapes = Registry<Shape>(
    "shape", [Shape(name: "square", summary: "Four corners.", defaults: Square())])

private struct Drawing: SettingsGroup {
    var shape = Chosen(Shape(name: "square", summary: "Four corners.", defaults: Square()))
    var title = 1

    static let entries: [Entry<Drawing>] = [
        .kinds("shape", \.shape, of: shapes, key: "name", "The shape.", "What is drawn."),
        .key("title", \.title, .integer(0...9), "Over it."),
    ]
}

@Suite("A registry of kinds", .serialized)
struct RegistryTests {
    init() {
        if !shapes.names.contains("disc") { shapes.add(Shape(name: "disc", summary: "Round.", defaults: Disc())) }
    }

    private func drawing(_ json: String) throws -> Drawing { try Drawing(json: json, name: "d") }

    @Test("a section has the keys of the kind that it names, wherever in it the name stands")
    func chosen() throws {
        let disc = try drawing(#"{"shape":{"colour":9,"name":"disc","radius":3}}"#)
        #expect(disc.shape.kind.name == "disc" && (disc.shape.settings as? Disc)?.radius == 3)
        #expect(try drawing(disc.json) == disc && disc.json == #"{"shape":{"colour":9,"name":"disc","radius":3}}"#)
        #expect(disc != Drawing() && disc.shape != Drawing().shape)
        #expect(try drawing(#"{"shape":{"side":4}}"#) == Drawing())
    }

    @Test(
        "a key of another kind is refused with that kind's name, and an unknown kind with those that there are",
        arguments: [
            (
                #"{"shape":{"name":"disc","side":3}}"#,
                "shape.side: disc has no such key, only square has. Accepted here: name,"
            ),
            (#"{"shape":{"radius":3}}"#, "shape.radius: square has no such key, only disc has"),
            (#"{"shape":{"name":"star","points":3}}"#, "shape.name: expected one of square, disc; 'star' came"),
            (#"{"shape":{"name":"disc","radius":6}}"#, "shape.radius: expected integer, 1 to 5; 6 came"),
            (#"{"shape":{"name":"disc","radius":5,"colour":5}}"#, "shape.radius and shape.colour: 5 and 5 clash"),
        ])
    func refused(json: String, message: String) {
        let error = #expect(throws: SettingsError.self) { try drawing(json) }
        #expect(error?.description.contains(message) == true && error?.problems.count == 1, "\(error as Any)")
    }

    @Test("an override picks a kind before the keys beside it are read")
    func overridden() throws {
        var reader = SettingsReader(Schema(Drawing.entries), initial: Drawing())
        var tree = try SettingNode(json: #"{"shape":{"name":"disc","radius":3}}"#, name: "d")
        let square = SettingNode(.scalar("square", isQuoted: false), origin: .flag("--set"))
        reader.override("shape.name", with: square, in: &tree)
        reader.override("shape.corners", with: square, in: &tree)
        reader.read(tree)
        #expect(
            reader.problems.map(\.description) == [
                "--set: shape.corners: there is no such key; did you mean 'shape.colour'?",
                "d: shape.radius: square has no such key, only disc has. Accepted here: name, side",
            ])
    }

    @Test("the documentation has every kind with its keys")
    func documented() {
        let text = Schema(Drawing.entries).markdown(defaults: Drawing())
        for part in ["### `name: square`", "### `name: disc`", "| `radius` | integer, 1 to 5 | `2` |", "Four corners."]
        {
            #expect(text.contains(part), "\(text)")
        }
    }

    @Test("an unknown name is refused with the names that there are")
    func unknown() {
        let error = #expect(throws: SettingsError.self) { try shapes.named("star") }
        #expect(error?.description == "there is no shape \"star\"; expected one of square, disc")
    }
}
