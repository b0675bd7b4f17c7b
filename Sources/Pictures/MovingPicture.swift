import CGIF

/// A moving picture in the making: a GIF file in memory that is shown again and again, by giflib. Each frame has a table
/// of 256 colours of its own.
package struct MovingPicture: ~Copyable {
    private let width: Int
    private let height: Int
    /// Closed by `finish` or with the value, and nil then.
    private var file: UnsafeMutablePointer<GifFileType>?
    private let bytes: Bytes

    /// What the library has written.
    private final class Bytes {
        var bytes: [UInt8] = []
    }

    /// Sides of a GIF are numbers of 16 bits. Throws `PictureError` for larger ones and for lack of memory.
    package init(width: Int, height: Int) throws(PictureError) {
        self.width = width
        self.height = height
        bytes = Bytes()
        guard 1...Int(UInt16.max) ~= width, 1...Int(UInt16.max) ~= height else {
            throw PictureError("a GIF of \(width) x \(height) pixels: expected sides of at most \(UInt16.max)")
        }
        var code: Int32 = 0
        // `bytes` lives as long as the file: a closure of C cannot hold it.
        file = EGifOpen(
            Unmanaged.passUnretained(bytes).toOpaque(),
            { file, data, count in
                guard let place = file?.pointee.UserData, let data else { return 0 }
                Unmanaged<Bytes>.fromOpaque(place).takeUnretainedValue()
                    .bytes.append(contentsOf: UnsafeBufferPointer(start: data, count: Int(count)))
                return count
            }, &code)
        guard file != nil else { throw Self.error(code) }
        EGifSetGifVersion(file, true)
        try check(EGifPutScreenDesc(file, Int32(width), Int32(height), 8, 0, nil))
        // Without it the pictures are shown once.
        try check(EGifPutExtensionLeader(file, Int32(APPLICATION_EXT_FUNC_CODE)))
        try check(EGifPutExtensionBlock(file, 11, "NETSCAPE2.0"))
        try check(EGifPutExtensionBlock(file, 3, [UInt8](arrayLiteral: 1, 0, 0)))
        try check(EGifPutExtensionTrailer(file))
    }

    deinit {
        if let file { EGifCloseFile(file, nil) }
    }

    /// Adds a picture of the size that `init` was given, which stays for so long. Throws `PictureError`.
    package mutating func append(_ picture: Picture, centiseconds: Int) throws(PictureError) {
        precondition(picture.width == width && picture.height == height, "\(picture.width) x \(picture.height)")
        var control = GraphicsControlBlock(
            DisposalMode: Int32(DISPOSE_DO_NOT), UserInputFlag: false, DelayTime: Int32(centiseconds),
            TransparentColor: NO_TRANSPARENT_COLOR)
        var extended = [UInt8](repeating: 0, count: 4)
        let length = EGifGCBToExtension(&control, &extended)
        try check(EGifPutExtension(file, Int32(GRAPHICS_EXT_FUNC_CODE), Int32(length), extended))
        let table = ColourTable(picture)
        // The format knows powers of two alone.
        let colours = (0..<ColourTable.most).map { place in
            let colour = place < table.colours.count ? table.colours[place] : SIMD3(0, 0, 0)
            return GifColorType(Red: colour.x, Green: colour.y, Blue: colour.z)
        }
        guard let map = GifMakeMapObject(Int32(ColourTable.most), colours) else {
            throw Self.error(E_GIF_ERR_NOT_ENOUGH_MEM)
        }
        defer { GifFreeMapObject(map) }
        try check(EGifPutImageDesc(file, 0, 0, Int32(width), Int32(height), false, map))
        var indices = table.indices(of: picture)
        try check(EGifPutLine(file, &indices, Int32(indices.count)))
    }

    /// The file. Throws `PictureError`.
    package consuming func finish() throws(PictureError) -> [UInt8] {
        var code: Int32 = 0
        let closed = EGifCloseFile(file, &code)
        file = nil
        guard closed == GIF_OK else { throw Self.error(code) }
        return bytes.bytes
    }

    private func check(_ result: Int32) throws(PictureError) {
        if result != GIF_OK { throw Self.error(file?.pointee.Error ?? 0) }
    }

    private static func error(_ code: Int32) -> PictureError {
        PictureError("giflib: \(GifErrorString(code).map { String(cString: $0) } ?? "error \(code)")")
    }
}
