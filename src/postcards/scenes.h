// The pictures of Postcards: five scenes for each picture kind, and the coloured thing in the foreground. Bright scenes are light and of
// full colours, plain ones of middling greys and browns, gloomy ones dark and dull; places, sizes, colours and details are drawn.
//
// Every draw is a separate statement or an element of a braced list: the order in which arguments of a call are evaluated is the
// compiler's choice, and another order would give another picture.
// Implemented in bright.cpp, plain.cpp, gloomy.cpp (scenes), things.cpp (the foreground) and scenes.cpp (clouds, trees, weather).
#pragma once

#include "core/random.h"
#include "postcards/canvas.h"
#include "postcards/postcards.h"

namespace infig::postcards {

constexpr int64_t kScenesPerKind = 5;

// What a scene is painted with.
struct Painter {
  Canvas& canvas;
  RandomStream& stream;
  int draw(int low, int high) { return static_cast<int>(stream.between(low, high)); }  // both included
  bool one_in(uint64_t n) { return stream.below(n) == 0; }
  Colour near(Colour colour, int amount = 10) { return jitter(colour, amount, stream); }
};

// Drawn over the scene and the thing at the end.
struct Weather {
  Colour haze{};
  int haze_alpha = 0;
  int rain = 0;  // strokes
  int snow = 0;  // flakes
};

// Scenes 0 .. 4. bright: beach, meadow, party, winter, balloons; plain: street, desk, bus stop, shelf, corridor; gloomy: storm, night
// in the city, wreck, withered garden, ruin.
Weather paint_bright(int64_t scene, Painter& painter);
Weather paint_plain(int64_t scene, Painter& painter);
Weather paint_gloomy(int64_t scene, Painter& painter);

// Things and colours in the order of thing_names() and thing_colours(). Stands on the ground in the lower part, its place and size drawn;
// `ink` is the colour of wheels, handles and poles, which must stand out from the scene.
void paint_thing(int64_t thing, int64_t colour, Colour ink, Painter& painter);

void paint_weather(const Weather& weather, Painter& painter);

// Shared by the scenes.
void paint_cloud(Painter& painter, Point centre, int size, Colour light, Colour shade);
void paint_tree(Painter& painter, Point foot, int height, Colour crown, Colour trunk);

}  // namespace infig::postcards
