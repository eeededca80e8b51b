#include "postcards/scenes.h"

namespace infig::postcards {

void paint_cloud(Painter& painter, Point centre, int size, Colour light, Colour shade) {
  constexpr int kPuffs = 5;
  for (int pass = 0; pass < 2; ++pass) {  // the shade first, a little lower
    for (int i = 0; i < kPuffs; ++i) {
      const int radius = size * (i == 0 || i == kPuffs - 1 ? 5 : i == 2 ? 9 : 7) / 12;
      const int y = centre.y - radius / 2 + (pass == 0 ? size / 6 : 0);
      painter.canvas.ellipse(centre.x + (i - 2) * size * 7 / 10, y, radius * 5 / 4, radius, pass == 0 ? shade : light);
    }
  }
}

void paint_tree(Painter& painter, Point foot, int height, Colour crown, Colour trunk) {
  const int wide = height / 16;
  painter.canvas.polygon({{foot.x - wide, foot.y},
                          {foot.x + wide, foot.y},
                          {foot.x + wide / 2, foot.y - height / 2},
                          {foot.x - wide / 2, foot.y - height / 2}},
                         trunk);
  const Colour dark = mix(crown, {0, 30, 10}, 70);
  painter.canvas.circle(foot.x, foot.y - height * 6 / 10, height * 30 / 100, dark);
  painter.canvas.circle(foot.x - height / 6, foot.y - height * 6 / 10, height / 5, crown);
  painter.canvas.circle(foot.x + height / 6, foot.y - height * 62 / 100, height / 5, mix(crown, dark, 100));
  painter.canvas.circle(foot.x - height / 30, foot.y - height * 78 / 100, height * 22 / 100, crown);
}

void paint_weather(const Weather& weather, Painter& painter) {
  if (weather.haze_alpha > 0) painter.canvas.tint(weather.haze, weather.haze_alpha);
  for (int i = 0; i < weather.rain; ++i) {
    const Point at{painter.draw(-60, 1000), painter.draw(-60, 1000)};
    const int length = painter.draw(40, 80);
    painter.canvas.line(at, {at.x - length / 4, at.y + length}, 6, {196, 206, 220}, 110);
  }
  for (int i = 0; i < weather.snow; ++i) {
    const Point at{painter.draw(0, 1000), painter.draw(0, 1000)};
    painter.canvas.circle(at.x, at.y, painter.draw(5, 9), {255, 255, 255}, 220);
  }
}

}  // namespace infig::postcards
