// A part of Yams that it does not show: the events that its parser makes a tree of.
internal import CYaml

/// What a YAML text may become: aliases of aliases make a tree of any size out of a few lines, and comparing a
/// mapping's keys walks through all of it.
enum YAMLBounds {
    /// With each alias counted as what it stands for. The largest experiment has a few hundred.
    static let maximumNodes = 100_000
    /// Bytes of all scalars together, with each alias counted as what it stands for.
    static let maximumBytes = 4 << 20
    /// Lists and sections within one another.
    static let maximumDepth = 64

    /// The first thing that is beyond a bound, with its line from 1. Nil also for a text that is not YAML, which the
    /// composer refuses. It reads the events of the parser and builds no tree, so its memory is that of the anchors,
    /// not of what the aliases would become. With `a: &a [x, x]` and `b: [*a, *a]`, the list `b` counts as seven nodes:
    /// itself, and twice a list with two scalars.
    static func excess(in yaml: String) -> (line: Int, message: String)? {
        var yaml = yaml
        return yaml.withUTF8 { text in
            var parser = yaml_parser_t()
            guard yaml_parser_initialize(&parser) == 1 else { return nil }
            defer { yaml_parser_delete(&parser) }
            yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING)
            yaml_parser_set_input_string(&parser, text.baseAddress, text.count)
            var measure = YAMLMeasure()
            while true {
                var event = yaml_event_t()
                guard yaml_parser_parse(&parser, &event) == 1 else { return nil }
                defer { yaml_event_delete(&event) }
                if let message = measure.take(event) { return (Int(event.start_mark.line) + 1, message) }
                if event.type == YAML_STREAM_END_EVENT { return nil }
            }
        }
    }
}

/// Counts what the events of a parser make, with every alias written out. Its methods are called by `YAMLBounds.excess`
/// with the events in their order in the text.
private struct YAMLMeasure {
    /// What a node is with all that lies in it: nodes, bytes of scalars, levels.
    private struct Extent {
        var nodes = 1
        var bytes = 0
        var depth = 0
    }

    /// What each anchor stands for, by its name.
    private var anchors: [String: Extent] = [:]
    /// Lists and sections that have begun and not ended, outermost first.
    private var open: [(anchor: String?, extent: Extent)] = [(nil, Extent())]

    /// Gives back what is beyond a bound with this event.
    mutating func take(_ event: yaml_event_t) -> String? {
        switch event.type {
        case YAML_SCALAR_EVENT:
            let scalar = event.data.scalar
            return add(Extent(bytes: Int(scalar.length)), anchor: name(scalar.anchor))
        case YAML_ALIAS_EVENT:
            // An alias that stands for nothing is the composer's to refuse.
            return add(name(event.data.alias.anchor).flatMap { anchors[$0] } ?? Extent(), anchor: nil)
        case YAML_SEQUENCE_START_EVENT:
            open.append((name(event.data.sequence_start.anchor), Extent()))
        case YAML_MAPPING_START_EVENT:
            open.append((name(event.data.mapping_start.anchor), Extent()))
        case YAML_SEQUENCE_END_EVENT, YAML_MAPPING_END_EVENT:
            guard let (anchor, extent) = open.popLast() else { return nil }
            return add(extent, anchor: anchor)
        default: break
        }
        return open.count > YAMLBounds.maximumDepth ? Self.tooDeep : nil
    }

    private static let tooDeep = "lists and sections are nested more than \(YAMLBounds.maximumDepth) deep"

    /// Adds a finished node to the list or section that holds it, and remembers its extent under its anchor. Gives back
    /// which bound is exceeded now, in words; nil where none is.
    private mutating func add(_ part: Extent, anchor: String?) -> String? {
        if let anchor { anchors[anchor] = part }
        let last = open.count - 1
        open[last].extent.nodes += part.nodes
        open[last].extent.bytes += part.bytes
        open[last].extent.depth = max(open[last].extent.depth, part.depth + 1)
        let whole = open[last].extent
        if whole.nodes > YAMLBounds.maximumNodes {
            return "with its aliases written out it has more than \(YAMLBounds.maximumNodes) values"
        }
        if whole.bytes > YAMLBounds.maximumBytes {
            return "with its aliases written out it is longer than \(YAMLBounds.maximumBytes) bytes"
        }
        return open.count + whole.depth > YAMLBounds.maximumDepth + 1 ? Self.tooDeep : nil
    }

    private func name(_ text: UnsafeMutablePointer<yaml_char_t>?) -> String? {
        text.map { String(cString: $0) }
    }
}
