import CRendering
import Experience

/// Draws what an agent sees of where it stands: the walls with eight pictures at the points of the compass, floor and
/// ceiling, and the platform once it has risen. (height, width, 3) bytes: red, green, blue.
struct WatermazeView: ObservationView {
    private let camera: rendering_camera
    private let platform: SIMD2<Float>
    private let pictureBytes: Int

    /// `platform`: its centre.
    init(settings: WatermazeSettings, platform: SIMD2<Float>) {
        camera = rendering_camera(
            width: Int32(settings.width), height: Int32(settings.height), spread: Self.spread(settings))
        self.platform = platform
        pictureBytes = 3 * settings.width * settings.height
    }

    /// The tangent of half the field of view, by `direction`, which is the same everywhere.
    static func spread(_ settings: WatermazeSettings) -> Float {
        let half = direction(degrees: Float(settings.fieldOfView / 2))
        return half.y / half.x
    }

    /// `stored`: (count, 4) floats, as `states` has them.
    func see(_ stored: UnsafeRawPointer, count: Int, into observations: UnsafeMutableRawPointer) {
        for index in 0..<count {
            draw(WatermazeState(reading: stored + 16 * index), into: observations + pictureBytes * index)
        }
    }

    func draw(_ state: WatermazeState, into picture: UnsafeMutableRawPointer) {
        let ahead = direction(degrees: state.heading)
        withUnsafePointer(to: camera) { camera in
            var view = rendering_view(
                x: state.place.x, y: state.place.y, forward_x: ahead.x, forward_y: ahead.y, platform_x: platform.x,
                platform_y: platform.y, risen: state.isRisen ? 1 : 0)
            rendering_draw(camera, &view, picture.assumingMemoryBound(to: UInt8.self))
        }
    }
}
