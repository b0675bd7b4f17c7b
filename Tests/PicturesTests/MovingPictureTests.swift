import CGIF
import Pictures
import TestSupport
import Testing

/// A GIF file as giflib reads it.
private struct ReadGIF {
    let frames: [Picture]
    let centiseconds: [Int]
    /// Whether it is shown again and again.
    let repeats: Bool

    private final class Source {
        let bytes: [UInt8]
        var place = 0
        init(_ bytes: [UInt8]) { self.bytes = bytes }
    }

    init(_ bytes: [UInt8]) throws {
        let source = Source(bytes)
        let read: InputFunc = { file, memory, count in
            guard let place = file?.pointee.UserData, let memory else { return 0 }
            let source = Unmanaged<Source>.fromOpaque(place).takeUnretainedValue()
            let part = source.bytes[source.place...].prefix(Int(count))
            for (index, byte) in part.enumerated() { memory[index] = byte }
            source.place += part.count
            return Int32(part.count)
        }
        var code: Int32 = 0
        let opened = try #require(DGifOpen(Unmanaged.passUnretained(source).toOpaque(), read, &code), "\(code)")
        defer { DGifCloseFile(opened, nil) }
        try #require(DGifSlurp(opened) == GIF_OK, "\(opened.pointee.Error)")
        let file = opened.pointee
        let images = UnsafeBufferPointer(start: file.SavedImages, count: Int(file.ImageCount))
        var repeats = false
        frames = try images.map { image in
            let (description, colours) = (image.ImageDesc, try #require(image.ImageDesc.ColorMap).pointee)
            let count = Int(description.Width * description.Height)
            let pixels = (0..<count).flatMap { index -> [UInt8] in
                let colour = colours.Colors[Int(image.RasterBits[index])]
                return [colour.Red, colour.Green, colour.Blue]
            }
            for extra in UnsafeBufferPointer(start: image.ExtensionBlocks, count: Int(image.ExtensionBlockCount))
            where extra.Function == APPLICATION_EXT_FUNC_CODE {
                repeats =
                    String(decoding: UnsafeBufferPointer(start: extra.Bytes, count: 11), as: UTF8.self) == "NETSCAPE2.0"
            }
            return Picture(width: Int(description.Width), height: Int(description.Height), pixels: pixels)
        }
        self.repeats = repeats
        centiseconds = try images.indices.map { index in
            var control = GraphicsControlBlock()
            try #require(DGifSavedExtensionToGCB(opened, Int32(index), &control) == GIF_OK)
            return Int(control.DelayTime)
        }
        withExtendedLifetime(source) {}
    }
}

@Suite("Moving pictures") struct MovingPictureTests {
    @Test("have the frames that they were given, for as long, again and again", arguments: [testSeed()])
    func frames(seed: UInt64) throws {
        var random = SplitMix(seed: seed)
        let frames = (0..<5).map { _ in
            // 256 colours of any kind, which is as many as a frame can have.
            let colours = (0..<256).map { _ in (0..<3).map { _ in UInt8(random.below(256)) } }
            return Picture(width: 37, height: 23, pixels: (0..<(37 * 23)).flatMap { _ in random.pick(colours) })
        }
        var moving = try MovingPicture(width: 37, height: 23)
        for (index, frame) in frames.enumerated() { try moving.append(frame, centiseconds: 7 + index) }
        let read = try ReadGIF(moving.finish())
        #expect(read.frames == frames, "seed \(seed)")
        #expect(read.centiseconds == [7, 8, 9, 10, 11] && read.repeats)
    }

    @Test("of more colours than 256 each pixel has one near its own") func manyColours() throws {
        let shades = Picture(
            width: 128, height: 96,
            pixels: (0..<96).flatMap { row in (0..<128).flatMap { [UInt8($0 * 2), UInt8(row * 2), UInt8(90)] } })
        var moving = try MovingPicture(width: 128, height: 96)
        try moving.append(shades, centiseconds: 1)
        let read = try ReadGIF(moving.finish()).frames[0]
        let differences = zip(read.pixels, shades.pixels).map { abs(Int($0) - Int($1)) }
        // 256 boxes of 12,288 colours over 256 x 192 shades: about 14 shades wide each.
        #expect((differences.max() ?? 255) <= 24)
        let mean = Double(differences.reduce(0, +)) / Double(differences.count)
        #expect(mean < 4)
        var colours: Set<SIMD3<UInt8>> = []
        for row in 0..<96 { for column in 0..<128 { colours.insert(read[column, row]) } }
        #expect(colours.count == 256)
    }

    @Test("are refused where GIF has no room for them") func sizes() {
        #expect(throws: PictureError.self) { _ = try MovingPicture(width: 65536, height: 10) }
        #expect(throws: PictureError.self) { _ = try MovingPicture(width: 10, height: 0) }
    }
}
