import CBuild

/// What streams, checkpoints and reports name as the software that made them.
package let softwareVersion = "0.1.0"

/// How this program was built.
package enum Build {
    /// The commit, in hex, with `-dirty` behind it where files differed from it. Nil where the build was not told: only
    /// `scripts/package` tells it, since the Swift package manager would go on saying one that it has seen before.
    package static var commit: String? {
        let text = String(cString: build_commit())
        return text.isEmpty ? nil : text
    }

    /// Configuration, processor kind, and what `scripts/package` says of the libraries.
    package static var options: [String] {
        let told = String(cString: build_options())
        return [configuration, architecture] + (told.isEmpty ? [] : [told])
    }

    private static var configuration: String {
        #if DEBUG
            "debug"
        #else
            "release"
        #endif
    }

    private static var architecture: String {
        #if arch(x86_64)
            "x86_64"
        #elseif arch(arm64)
            "aarch64"
        #else
            "another processor kind"
        #endif
    }
}
