#include <algorithm>
#include <array>

#include "postcards/scenes.h"

namespace infig::postcards {
namespace {

constexpr std::array<Colour, 6> kDrab = {Colour{168, 156, 140}, Colour{150, 150, 148}, Colour{176, 164, 150},
                                         Colour{140, 134, 126}, Colour{160, 150, 142}, Colour{152, 146, 134}};

void overcast(Painter& p, int horizon) {
  const Colour above = p.near({176, 180, 184}, 6);
  p.canvas.gradient(0, horizon, above, {196, 197, 196});
  p.canvas.blotches(0, horizon, 160, {158, 162, 166}, 120, p.stream);
}

void pavement(Painter& p, int top) {
  const Colour slab = p.near({150, 148, 144}, 8);
  p.canvas.gradient(top, 1000, mix(slab, {190, 188, 184}, 80), slab);
  p.canvas.blotches(top, 1001, 24, {120, 118, 114}, 80, p.stream);
  for (int x = -1000; x <= 2000; x += 250) p.canvas.line({500 + (x - 500) / 2, top}, {x, 1010}, 5, {124, 122, 118}, 150);
}

void windows(Painter& p, int left, int right, int top, int bottom, Colour glass) {
  const int columns = std::max((right - left) / 90, 1), rows = std::max((bottom - top) / 130, 1);
  const int wide = (right - left) / columns, high = (bottom - top) / rows;
  for (int row = 0; row < rows; ++row) {
    for (int column = 0; column < columns; ++column) {
      const int x = left + column * wide + wide / 4, y = top + row * high + high / 4;
      p.canvas.rect(x - 6, y - 6, x + wide / 2 + 6, y + high / 2 + 6, {186, 182, 176});
      p.canvas.rect(x, y, x + wide / 2, y + high / 2, p.near(glass, 10));
      p.canvas.rect(x + wide / 4 - 3, y, x + wide / 4 + 3, y + high / 2, {186, 182, 176});
    }
  }
}

Weather street(Painter& p) {
  const int ground = p.draw(640, 700);
  overcast(p, ground);
  for (int left = p.draw(-160, -20); left < 1000;) {
    const int wide = p.draw(200, 320), roof = p.draw(150, 330);
    const Colour wall = p.near(p.stream.pick(kDrab), 12);
    p.canvas.rect(left, roof, left + wide, ground, wall);
    p.canvas.rect(left, roof - 16, left + wide, roof + 8, mix(wall, {70, 66, 62}, 130));
    windows(p, left + 10, left + wide - 10, roof + 20, ground - 110, {112, 120, 126});
    const int door = left + p.draw(30, wide - 100);
    p.canvas.rect(door, ground - 120, door + 64, ground, p.near({104, 92, 82}, 14));
    left += wide;
  }
  p.canvas.rect(0, ground, 1000, ground + 70, {164, 162, 158});
  const Colour road = p.near({112, 112, 112}, 6);
  p.canvas.gradient(ground + 70, 1000, road, mix(road, {140, 140, 138}, 90));
  p.canvas.blotches(ground + 70, 1001, 22, {92, 92, 92}, 90, p.stream);
  for (int x = p.draw(-100, 0); x < 1000; x += 220) p.canvas.rect(x, ground + 190, x + 120, ground + 204, {186, 184, 178});
  const int lamp = p.draw(60, 940);
  p.canvas.line({lamp, ground + 60}, {lamp, 200}, 14, {84, 86, 88});
  p.canvas.line({lamp, 205}, {lamp + 90, 190}, 12, {84, 86, 88});
  return {};
}

Weather desk(Painter& p) {
  const Colour wall = p.near({184, 178, 166}, 8), wood = p.near({150, 122, 92}, 10);
  const int top = p.draw(560, 620);
  p.canvas.gradient(0, 1000, wall, mix(wall, {150, 146, 138}, 140));
  p.canvas.blotches(0, 1001, 140, {168, 162, 152}, 110, p.stream);
  p.canvas.gradient(880, 1000, {128, 120, 112}, {112, 106, 100});
  const int screen = p.draw(220, 600), wide = p.draw(250, 320);
  p.canvas.rect(60, top, 940, top + 36, wood);
  p.canvas.rect(90, top + 36, 330, 900, mix(wood, {90, 76, 60}, 100));
  for (int drawer = 0; drawer < 3; ++drawer) {
    p.canvas.rect(104, top + 50 + drawer * 90, 316, top + 128 + drawer * 90, mix(wood, {100, 84, 66}, 60));
    p.canvas.rect(190, top + 80 + drawer * 90, 230, top + 90 + drawer * 90, {90, 88, 84});
  }
  p.canvas.rect(880, top + 36, 915, 900, mix(wood, {90, 76, 60}, 100));
  p.canvas.rect(screen + wide / 2 - 20, top - 70, screen + wide / 2 + 20, top, {74, 76, 78});
  p.canvas.rect(screen + wide / 2 - 70, top - 14, screen + wide / 2 + 70, top, {74, 76, 78});
  p.canvas.rect(screen, top - 270, screen + wide, top - 60, {66, 68, 70});
  p.canvas.rect(screen + 14, top - 256, screen + wide - 14, top - 74, p.near({150, 162, 168}, 8));
  for (int y = top - 236; y < top - 90; y += 26) {
    p.canvas.rect(screen + 34, y, screen + p.draw(90, wide - 30), y + 9, {112, 122, 128});
  }
  const int papers = p.draw(640, 780) + (screen > 450 ? -500 : 0);
  const int sheets = p.draw(2, 5);
  for (int i = 0; i < sheets; ++i) {
    p.canvas.rect(papers - i * 3, top - 12 - i * 10, papers + 130 - i * 5, top - 4 - i * 10, p.near({196, 194, 186}, 6));
  }
  const int frame = p.draw(80, 700), high = p.draw(60, 110);
  p.canvas.rect(frame, high, frame + 190, high + 150, {120, 104, 88});
  p.canvas.rect(frame + 14, high + 14, frame + 176, high + 136, p.near({190, 188, 180}, 6));
  for (int row = 0; row < 4; ++row) {  // a calendar
    for (int column = 0; column < 6; ++column) {
      const int x = frame + 26 + column * 24, y = high + 34 + row * 25;
      p.canvas.rect(x, y, x + 14, y + 14, {146, 144, 138});
    }
  }
  return {};
}

Weather bus_stop(Painter& p) {
  const int ground = p.draw(660, 720);
  overcast(p, ground);
  const Colour wall = p.near(p.stream.pick(kDrab), 12);
  p.canvas.rect(0, p.draw(300, 400), 1000, ground, wall);
  p.canvas.blotches(400, ground, 40, mix(wall, {80, 80, 80}, 130), 110, p.stream);
  pavement(p, ground);
  const int left = p.draw(120, 380), wide = p.draw(400, 470), roof = p.draw(230, 280);
  const Colour steel = p.near({96, 102, 106}, 8);
  p.canvas.rect(left, roof, left + wide, ground, {182, 192, 194}, 120);
  for (int post = 0; post <= 3; ++post) p.canvas.rect(left + post * wide / 3 - 8, roof, left + post * wide / 3 + 8, ground + 30, steel);
  p.canvas.rect(left - 40, roof - 34, left + wide + 40, roof + 6, mix(steel, {60, 64, 66}, 100));
  p.canvas.rect(left + 40, ground - 110, left + wide - 40, ground - 86, {128, 108, 86});
  for (const int leg : {left + 70, left + wide - 70}) p.canvas.rect(leg - 7, ground - 86, leg + 7, ground + 8, steel);
  p.canvas.rect(left + wide / 3 + 30, roof + 50, left + wide * 2 / 3 - 30, roof + 230, p.near({190, 188, 182}, 6));
  for (int y = roof + 70; y < roof + 210; y += 22) p.canvas.rect(left + wide / 3 + 44, y, left + wide * 2 / 3 - 44, y + 8, {128, 128, 126});
  const int sign = left > 250 ? left - 120 : left + wide + 110;
  p.canvas.rect(sign - 7, 260, sign + 7, ground + 30, steel);
  p.canvas.circle(sign, 250, 58, {110, 116, 120});
  p.canvas.circle(sign, 250, 44, {192, 192, 188});
  p.canvas.rect(sign - 22, 236, sign + 22, 264, {110, 116, 120});
  return {};
}

Weather shelf(Painter& p) {
  const Colour wall = p.near({172, 166, 156}, 8), wood = p.near({140, 118, 94}, 12);
  p.canvas.gradient(0, 860, wall, mix(wall, {140, 136, 130}, 90));
  p.canvas.gradient(860, 1000, {136, 128, 118}, {116, 108, 100});
  const int left = p.draw(40, 160), right = p.draw(840, 960), top = p.draw(60, 120);
  p.canvas.rect(left, top, right, 890, mix(wood, {70, 60, 50}, 110));
  constexpr int kBoards = 4;
  const int high = (880 - top) / kBoards;
  for (int board = 0; board < kBoards; ++board) {
    const int floor = top + (board + 1) * high;
    for (int x = left + 24; x < right - 60;) {
      const int kind = p.draw(0, 7), wide = kind == 0 ? p.draw(90, 130) : p.draw(22, 44),
                tall = kind == 0 ? high / 2 : high * p.draw(60, 86) / 100;
      const Colour cover = p.near(p.stream.pick(kDrab), 26);
      if (kind != 1) {  // 1: a gap
        p.canvas.rect(x, floor - tall, std::min(x + wide, right - 20), floor, cover);
        p.canvas.rect(x, floor - tall * 8 / 10, std::min(x + wide, right - 20), floor - tall * 7 / 10, mix(cover, {210, 206, 196}, 130));
        p.canvas.rect(x + wide - 5, floor - tall, std::min(x + wide, right - 20), floor, mix(cover, {60, 56, 52}, 110));
      }
      x += wide;
    }
    p.canvas.rect(left, floor, right, floor + 20, wood);
  }
  p.canvas.rect(left, top, left + 20, 900, wood);
  p.canvas.rect(right - 20, top, right, 900, wood);
  p.canvas.rect(left, top, right, top + 20, wood);
  return {};
}

Weather corridor(Painter& p) {
  const Point end{p.draw(420, 580), p.draw(430, 500)};
  const Colour wall = p.near({176, 174, 166}, 8), floor = p.near({136, 132, 126}, 8);
  p.canvas.rect(0, 0, 1000, 1000, wall);
  const int near_top = end.y - 150, near_low = end.y + 150, left = end.x - 110, right = end.x + 110;
  p.canvas.polygon({{0, 0}, {1000, 0}, {right, near_top}, {left, near_top}}, {196, 196, 190});
  p.canvas.polygon({{-200, 1000}, {1200, 1000}, {right, near_low}, {left, near_low}}, floor);
  p.canvas.polygon({{0, 0}, {left, near_top}, {left, near_low}, {-200, 1000}, {0, 1000}}, mix(wall, {130, 128, 124}, 90));
  p.canvas.rect(left, near_top, right, near_low, mix(wall, {150, 148, 144}, 120));
  p.canvas.rect(end.x - 50, near_low - 190, end.x + 50, near_low, p.near({120, 108, 94}, 10));
  for (int i = 1; i <= 4; ++i) {  // lamps on the ceiling, nearer ones wider
    const int y = near_top * (5 - i) / 5 - 6, wide = 30 + 40 * i;
    const int x = end.x + (500 - end.x) * i / 5;
    p.canvas.polygon({{x - wide, y - 8 * i}, {x + wide, y - 8 * i}, {x + wide * 8 / 10, y}, {x - wide * 8 / 10, y}}, {222, 222, 214});
  }
  for (int side = 0; side < 2; ++side) {
    const int edge = side == 0 ? left : right, away = side == 0 ? -1 : 1;
    const int room = side == 0 ? left : 1000 - right;
    const Colour door = p.near({128, 114, 98}, 12);
    for (const int share : {15, 50}) {  // percent of the way from the far end
      const int x0 = edge + away * room * share / 100, x1 = edge + away * room * (share + 22) / 100;
      const int low0 = near_low + (1000 - near_low) * share / 115, low1 = near_low + (1000 - near_low) * (share + 22) / 115;
      const int high0 = near_top + 40 - near_top * share / 130, high1 = near_top + 40 - near_top * (share + 22) / 130;
      p.canvas.polygon({{x0, high0}, {x1, high1}, {x1, low1}, {x0, low0}}, door);
      p.canvas.circle((x0 + 3 * x1) / 4, (low0 + high0 + low1 + high1) / 4 + 20, 8, {190, 186, 176});
    }
  }
  p.canvas.blotches(near_low, 1001, 30, {120, 116, 112}, 60, p.stream);
  return {};
}

}  // namespace

Weather paint_plain(int64_t scene, Painter& painter) {
  switch (scene) {
    case 0:
      return street(painter);
    case 1:
      return desk(painter);
    case 2:
      return bus_stop(painter);
    case 3:
      return shelf(painter);
    default:
      return corridor(painter);
  }
}

}  // namespace infig::postcards
