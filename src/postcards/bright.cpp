#include <array>

#include "postcards/scenes.h"

namespace infig::postcards {
namespace {

constexpr Colour kWhite{255, 255, 255};
constexpr std::array<Colour, 7> kVivid = {Colour{235, 64, 70},  Colour{250, 190, 50},  Colour{70, 170, 235}, Colour{245, 120, 170},
                                          Colour{110, 200, 90}, Colour{160, 100, 220}, Colour{250, 140, 50}};

void blue_sky(Painter& p, int horizon) {
  const Colour above = p.near({62, 150, 235}, 18), below = p.near({190, 228, 252}, 10);
  p.canvas.gradient(0, horizon, above, below);
}

void sun(Painter& p) {
  const Point at{p.draw(120, 880), p.draw(90, 200)};
  const int radius = p.draw(55, 85);
  p.canvas.glow(at.x, at.y, radius * 4, {255, 244, 190}, 220);
  p.canvas.circle(at.x, at.y, radius, {255, 226, 90});
}

void white_clouds(Painter& p, int low, int high) {
  for (int i = p.draw(1, 3); i > 0; --i) {
    const Point at{p.draw(50, 950), p.draw(low, high)};
    paint_cloud(p, at, p.draw(60, 110), kWhite, {222, 236, 248});
  }
}

void parasol(Painter& p, Point foot, int height) {
  const Colour cloth = p.stream.pick(kVivid);
  p.canvas.line(foot, {foot.x, foot.y - height}, 12, {150, 110, 70});
  const int wide = height * 7 / 10, top = foot.y - height - 20;
  constexpr int kWedges = 6;
  for (int i = 0; i < kWedges; ++i) {
    const int from = foot.x - wide + 2 * wide * i / kWedges, to = foot.x - wide + 2 * wide * (i + 1) / kWedges;
    const int bow_from = wide * sine64(32 * i / kWedges) / 3072, bow_to = wide * sine64(32 * (i + 1) / kWedges) / 3072;
    const Point peak{foot.x, top - wide / 3};
    p.canvas.polygon({peak, {from, top + wide / 3 - bow_from}, {to, top + wide / 3 - bow_to}}, i % 2 == 0 ? cloth : kWhite);
  }
}

void palm(Painter& p, Point foot, int height) {
  const int lean = p.draw(-120, 120);
  Point before = foot;
  for (int i = 1; i <= 6; ++i) {
    const Point next{foot.x + lean * i * i / 36, foot.y - height * i / 6};
    p.canvas.line(before, next, 34 - 3 * i, {140 - 4 * i, 98, 60});
    before = next;
  }
  const Colour leaf = p.near({46, 150, 70}, 20);
  for (int step = -2; step <= 34; step += 6) {
    const int reach = height * p.draw(32, 44) / 100;
    const Point tip{before.x + reach * cosine64(step) / 1024, before.y - reach * sine64(step) / 2048 + reach / 4};
    const Point bend{(before.x + tip.x) / 2, (before.y + tip.y) / 2 - reach / 3};
    p.canvas.polygon({before, {bend.x, bend.y - 14}, tip, {bend.x, bend.y + 26}}, mix(leaf, {20, 90, 50}, (step + 2) * 4));
  }
}

Weather beach(Painter& p) {
  const int horizon = p.draw(380, 470), shore = p.draw(600, 680);
  blue_sky(p, horizon);
  sun(p);
  white_clouds(p, 60, horizon - 120);
  const Colour deep = p.near({16, 110, 185}, 12), shallow = p.near({80, 205, 210}, 12);
  p.canvas.gradient(horizon, shore, deep, shallow);
  for (int i = 0; i < 22; ++i) {
    const Point at{p.draw(-50, 950), p.draw(horizon + 15, shore - 20)};
    p.canvas.line(at, {at.x + p.draw(40, 140), at.y}, 6, kWhite, 120);
  }
  if (!p.one_in(3)) {
    const int x = p.draw(150, 850), mast = p.draw(90, 140);
    p.canvas.polygon({{x - 50, horizon + 8}, {x + 60, horizon + 8}, {x + 40, horizon + 30}, {x - 35, horizon + 30}}, {120, 60, 50});
    p.canvas.polygon({{x, horizon - mast}, {x, horizon}, {x + 60, horizon}}, kWhite);
    p.canvas.polygon({{x - 8, horizon - mast + 25}, {x - 8, horizon}, {x - 50, horizon}}, p.stream.pick(kVivid));
  }
  const Colour sand = p.near({248, 224, 160}, 8);
  p.canvas.gradient(shore, 1000, sand, {232, 196, 128});
  const int wave = p.draw(0, 63);
  for (int x = 0; x < 1000; x += 20) {
    const int y = shore + sine64(wave + x / 12) * 14 / 1024;
    p.canvas.line({x, y}, {x + 24, shore + sine64(wave + (x + 24) / 12) * 14 / 1024}, 22, {250, 253, 255});
  }
  p.canvas.blotches(shore + 30, 1001, 30, {214, 176, 110}, 70, p.stream);
  const int side = p.draw(0, 1), x = side == 0 ? p.draw(80, 250) : p.draw(750, 920), foot = p.draw(720, 820), height = p.draw(430, 560);
  if (p.one_in(2)) {
    palm(p, {x, foot}, height);
  } else {
    parasol(p, {x, foot + 40}, height / 2);
  }
  return {};
}

void flower(Painter& p, Point at, int size, Colour petals) {
  p.canvas.line(at, {at.x, at.y - size * 3}, size / 3 + 2, {60, 140, 60});
  const Point head{at.x, at.y - size * 3};
  for (int step = 0; step < 60; step += 13) {
    p.canvas.circle(head.x + size * cosine64(step) / 1024, head.y + size * sine64(step) / 1024, size * 7 / 10, petals);
  }
  p.canvas.circle(head.x, head.y, size / 2, {255, 214, 60});
}

Weather meadow(Painter& p) {
  const int horizon = p.draw(430, 520);
  blue_sky(p, horizon + 60);
  sun(p);
  white_clouds(p, 60, horizon - 160);
  const Colour far = p.near({120, 190, 110}, 12), grass = p.near({96, 196, 72}, 14);
  const int far_x = p.draw(0, 400);
  p.canvas.ellipse(far_x, horizon + 190, 620, 260, far);
  p.canvas.ellipse(far_x + 700, horizon + 210, 560, 240, mix(far, grass, 100));
  p.canvas.gradient(horizon + 90, 1000, grass, mix(grass, {40, 140, 50}, 150));
  p.canvas.blotches(horizon + 90, 1001, 45, {170, 225, 90}, 120, p.stream);
  for (int i = p.draw(1, 3); i > 0; --i) {
    const Point foot{p.draw(60, 940), horizon + p.draw(70, 130)};
    const int height = p.draw(150, 260);
    const Colour crown = p.near({50, 150, 62}, 16);
    paint_tree(p, foot, height, crown, {120, 84, 52});
  }
  const Colour first = p.stream.pick(kVivid), second = p.stream.pick(kVivid);
  for (int row = 0; row < 6; ++row) {
    for (int i = 0; i < 9 - row / 2; ++i) {
      const Point at{p.draw(0, 1000), horizon + 200 + row * 60 + p.draw(0, 40)};
      const bool other = p.one_in(3);
      const int size = 8 + row * 3;
      flower(p, at, size, other ? second : p.near(first, 14));
    }
  }
  return {};
}

void balloon(Painter& p, Point at, int size, Colour colour, Point knot) {
  p.canvas.line({at.x, at.y + size}, knot, 4, {120, 120, 120}, 200);
  p.canvas.ellipse(at.x, at.y, size * 8 / 10, size, colour);
  p.canvas.polygon({{at.x, at.y + size - 8}, {at.x - 14, at.y + size + 16}, {at.x + 14, at.y + size + 16}}, colour);
  p.canvas.ellipse(at.x - size / 3, at.y - size / 3, size / 6, size / 4, kWhite, 150);
}

void bunting(Painter& p, int y, int sag) {
  Point before{-20, y};
  for (int i = 1; i <= 9; ++i) {
    const Point next{-20 + 1040 * i / 9, y + sag * sine64(32 * i / 9) / 1024};
    p.canvas.line(before, next, 6, kWhite);
    const int middle = (before.x + next.x) / 2, hang = (before.y + next.y) / 2;
    p.canvas.polygon({{before.x + 18, before.y}, {next.x - 18, next.y}, {middle, hang + 95}},
                     kVivid[static_cast<size_t>(i) % kVivid.size()]);
    before = next;
  }
}

Weather party(Painter& p) {
  constexpr std::array<Colour, 4> kWalls = {Colour{255, 226, 170}, Colour{255, 212, 214}, Colour{206, 236, 255}, Colour{226, 250, 208}};
  const Colour wall = p.near(p.stream.pick(kWalls), 8);
  const int floor = p.draw(760, 820);
  p.canvas.gradient(0, floor, mix(wall, kWhite, 60), wall);
  p.canvas.gradient(floor, 1000, {240, 190, 130}, {214, 156, 100});
  const int bunting_y = p.draw(20, 70), sag = p.draw(60, 120);
  bunting(p, bunting_y, sag);
  const int table = p.draw(250, 750), top = p.draw(590, 640);
  p.canvas.rect(table - 190, top, table + 190, floor + 60, {252, 252, 252});
  p.canvas.rect(table - 205, top - 12, table + 205, top + 24, p.stream.pick(kVivid));
  p.canvas.rect(table - 90, top - 110, table + 90, top - 12, {150, 90, 60});
  p.canvas.rect(table - 90, top - 120, table + 90, top - 84, {255, 200, 220});
  for (int i = -2; i <= 2; ++i) {
    p.canvas.rect(table + i * 34 - 5, top - 165, table + i * 34 + 5, top - 118, {250, 250, 250});
    p.canvas.glow(table + i * 34, top - 178, 26, {255, 170, 40}, 256);
  }
  for (int i = p.draw(6, 10); i > 0; --i) {
    const int side = p.draw(0, 1);
    const Point at{side == 0 ? p.draw(50, 380) : p.draw(620, 950), p.draw(200, 480)};
    const int size = p.draw(62, 98);
    const Colour colour = p.near(p.stream.pick(kVivid), 12);
    balloon(p, at, size, colour, {side == 0 ? 180 : 820, floor});
  }
  for (int i = 0; i < 70; ++i) {
    const Point at{p.draw(0, 1000), p.draw(0, 1000)};
    const int step = p.draw(0, 63);
    p.canvas.line(at, {at.x + 22 * cosine64(step) / 1024, at.y + 22 * sine64(step) / 1024}, 12, p.stream.pick(kVivid));
  }
  return {};
}

void fir(Painter& p, Point foot, int height) {
  const Colour green = p.near({40, 120, 80}, 16);
  p.canvas.rect(foot.x - height / 16, foot.y - height / 6, foot.x + height / 16, foot.y, {110, 76, 50});
  for (int i = 0; i < 3; ++i) {
    const int low = foot.y - height / 8 - i * height / 4, wide = height * (5 - i) / 14, high = low - height * 2 / 5;
    p.canvas.polygon({{foot.x - wide, low}, {foot.x + wide, low}, {foot.x, high}}, green);
    p.canvas.polygon(
        {{foot.x - wide / 2, low - height / 5}, {foot.x, low - height / 6}, {foot.x + wide / 2, low - height / 5}, {foot.x, high}}, kWhite);
  }
}

void snowman(Painter& p, Point foot, int size) {
  const Colour scarf = p.stream.pick(kVivid);
  for (const int part : {0, 1, 2}) {
    const int radius = size * (10 - 3 * part) / 30, y = foot.y - size * (part == 0 ? 30 : part == 1 ? 78 : 114) / 100;
    p.canvas.circle(foot.x + 6, y + 4, radius, {178, 204, 232});
    p.canvas.circle(foot.x, y, radius, {252, 254, 255});
  }
  const int neck = foot.y - size * 99 / 100, head = foot.y - size * 116 / 100;
  p.canvas.rect(foot.x - size / 6, neck - size / 24, foot.x + size / 6, neck + size / 24, scarf);
  p.canvas.circle(foot.x - size / 22, head, size / 40 + 3, {30, 30, 40});
  p.canvas.circle(foot.x + size / 22, head, size / 40 + 3, {30, 30, 40});
  p.canvas.polygon({{foot.x, head + 6}, {foot.x, head + size / 16}, {foot.x + size / 7, head + size / 20}}, {250, 140, 40});
}

Weather winter(Painter& p) {
  const int horizon = p.draw(470, 560);
  const Colour above = p.near({50, 140, 232}, 14);
  p.canvas.gradient(0, horizon + 100, above, {200, 232, 254});
  sun(p);
  const int peak = p.draw(200, 800), high = p.draw(170, 260);
  p.canvas.polygon({{peak - 420, horizon + 60}, {peak + 430, horizon + 60}, {peak, high}}, {150, 184, 222});
  p.canvas.polygon({{peak - 160, high + 130},
                    {peak - 60, high + 100},
                    {peak, high + 150},
                    {peak + 70, high + 95},
                    {peak + 165, high + 130},
                    {peak, high}},
                   kWhite);
  const Colour shade = p.near({206, 226, 246}, 6);
  const int hill = p.draw(100, 500);
  p.canvas.ellipse(hill + 560, horizon + 420, 760, 440, shade);
  p.canvas.ellipse(hill - 100, horizon + 480, 860, 450, {246, 250, 254});
  p.canvas.gradient(horizon + 260, 1000, {246, 250, 254}, {226, 238, 250});
  p.canvas.blotches(horizon + 260, 1001, 90, {208, 226, 246}, 110, p.stream);
  for (int i = p.draw(3, 6); i > 0; --i) {
    const Point foot{p.draw(20, 980), horizon + 80 + p.draw(20, 130)};
    fir(p, foot, p.draw(170, 290));
  }
  if (!p.one_in(3)) {
    const Point foot{p.draw(150, 850), p.draw(790, 840)};
    snowman(p, foot, p.draw(200, 260));
  }
  return {.haze = {}, .haze_alpha = 0, .rain = 0, .snow = p.draw(0, 30)};
}

void air_balloon(Painter& p, Point at, int size) {
  const Colour one = p.stream.pick(kVivid), two = mix(one, kWhite, 190);
  p.canvas.polygon({{at.x - size * 6 / 10, at.y + size * 6 / 10},
                    {at.x + size * 6 / 10, at.y + size * 6 / 10},
                    {at.x + size / 6, at.y + size * 13 / 10},
                    {at.x - size / 6, at.y + size * 13 / 10}},
                   mix(one, {0, 0, 0}, 40));
  for (int i = 4; i >= 0; --i) p.canvas.ellipse(at.x, at.y, size * (2 * i + 1) / 9, size, i % 2 == 0 ? one : two);
  p.canvas.line({at.x - size / 7, at.y + size * 13 / 10}, {at.x - size / 8, at.y + size * 16 / 10}, 5, {110, 80, 60}, 220);
  p.canvas.line({at.x + size / 7, at.y + size * 13 / 10}, {at.x + size / 8, at.y + size * 16 / 10}, 5, {110, 80, 60}, 220);
  p.canvas.rect(at.x - size / 7, at.y + size * 16 / 10, at.x + size / 7, at.y + size * 19 / 10, {160, 104, 60});
}

Weather balloons(Painter& p) {
  const int horizon = p.draw(640, 720);
  const bool dawn = p.one_in(2);
  const Colour above = p.near(dawn ? Colour{110, 160, 240} : Colour{70, 160, 240}, 14);
  const Colour below = p.near(dawn ? Colour{255, 214, 180} : Colour{206, 236, 255}, 8);
  p.canvas.gradient(0, horizon, above, below);
  white_clouds(p, 80, horizon - 200);
  const Colour hills = p.near({130, 180, 150}, 14), field = p.near({150, 210, 84}, 14);
  const int x = p.draw(100, 900);
  p.canvas.ellipse(x - 300, horizon + 60, 460, 140, hills);
  p.canvas.ellipse(x + 420, horizon + 50, 420, 110, mix(hills, field, 80));
  p.canvas.gradient(horizon, 1000, field, {90, 170, 70});
  for (int i = 0; i < 4; ++i) {
    const int left = p.draw(-200, 900), top = horizon + 20 + i * 70;
    const Colour strip = p.near({240, 214, 90}, 24);
    p.canvas.polygon({{left, top}, {left + 260, top}, {left + 380, top + 60}, {left - 60, top + 60}}, strip, 190);
  }
  for (int i = p.draw(3, 5); i > 0; --i) {
    const Point at{p.draw(80, 920), p.draw(110, 380)};
    air_balloon(p, at, p.draw(55, 80 + 15 * i));
  }
  return {};
}

}  // namespace

Weather paint_bright(int64_t scene, Painter& painter) {
  switch (scene) {
    case 0:
      return beach(painter);
    case 1:
      return meadow(painter);
    case 2:
      return party(painter);
    case 3:
      return winter(painter);
    default:
      return balloons(painter);
  }
}

}  // namespace infig::postcards
