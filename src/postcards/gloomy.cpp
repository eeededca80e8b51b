#include <algorithm>
#include <array>

#include "postcards/scenes.h"

namespace infig::postcards {
namespace {

void dark_clouds(Painter& p, int low, int number) {
  for (int i = 0; i < number; ++i) {
    const Point at{p.draw(-50, 1050), p.draw(-20, low)};
    const Colour light = p.near({66, 70, 84}, 10);
    paint_cloud(p, at, p.draw(110, 190), light, {40, 42, 54});
  }
}

void bolt(Painter& p, Point from, int to, int width, int depth) {
  Point at = from;
  while (at.y < to) {
    const Point next{at.x + p.draw(-60, 60), at.y + p.draw(35, 80)};
    p.canvas.line(at, next, width + 14, {150, 160, 255}, 70);
    p.canvas.line(at, next, width, {250, 250, 255});
    if (depth > 0 && p.one_in(4)) bolt(p, next, std::min(next.y + 160, to), width / 2 + 1, depth - 1);
    at = next;
  }
}

Weather storm(Painter& p) {
  const int horizon = p.draw(560, 640);
  const Colour above = p.near({34, 36, 48}, 8), below = p.near({84, 88, 104}, 10);
  p.canvas.gradient(0, horizon, above, below);
  p.canvas.blotches(0, horizon, 120, {24, 26, 36}, 150, p.stream);
  const int strike = p.draw(180, 820);
  p.canvas.glow(strike, horizon / 2, 420, {130, 134, 190}, 150);
  dark_clouds(p, 190, 7);
  for (int i = p.draw(1, 2); i > 0; --i) {
    const Point from{strike + p.draw(-140, 140), p.draw(150, 210)};
    bolt(p, from, horizon, 14, 1);
  }
  p.canvas.gradient(horizon, 1000, {38, 48, 58}, {22, 28, 36});
  if (p.one_in(2)) {  // a sea
    for (int row = 0; row < 9; ++row) {
      for (int i = 0; i < 6; ++i) {
        const Point crest{p.draw(-60, 1000), horizon + 30 + row * 42};
        const int wide = 40 + row * 10;
        p.canvas.polygon({{crest.x - wide, crest.y + 10 + row}, {crest.x, crest.y - 12 - row}, {crest.x + wide, crest.y + 10 + row}},
                         {64, 78, 90}, 190);
        p.canvas.line({crest.x - wide / 4, crest.y - 8}, {crest.x + wide / 4, crest.y - 8}, 7, {136, 148, 158}, 170);
      }
    }
    p.canvas.ellipse(p.draw(200, 800), 1060, 900, 220, {50, 46, 46});  // the shore
    p.canvas.blotches(870, 1001, 40, {30, 28, 30}, 140, p.stream);
  } else {  // bare fields with a broken fence
    p.canvas.blotches(horizon, 1001, 60, {52, 56, 48}, 190, p.stream);
    for (int x = p.draw(-60, 0); x < 1000; x += 130) {
      const int lean = p.draw(-30, 30);
      p.canvas.line({x, horizon + 130}, {x + lean, horizon + 20}, 20, {26, 24, 26});
      if (!p.one_in(4)) p.canvas.line({x + lean / 2, horizon + 60}, {x + 130, horizon + 70}, 12, {26, 24, 26});
    }
  }
  return {.haze = {70, 76, 92}, .haze_alpha = 40, .rain = p.draw(60, 110), .snow = 0};
}

Weather night_city(Painter& p) {
  const int ground = p.draw(640, 700);
  p.canvas.gradient(0, ground, {16, 18, 32}, {46, 44, 62});
  p.canvas.gradient(ground, 1000, {30, 30, 40}, {16, 16, 24});
  for (int left = p.draw(-140, -20); left < 1000;) {
    const int wide = p.draw(130, 230), roof = p.draw(90, 380);
    const Colour wall = p.near({34, 34, 46}, 8);
    p.canvas.rect(left, roof, left + wide, ground, wall);
    for (int y = roof + 30; y < ground - 50; y += 62) {
      for (int x = left + 20; x < left + wide - 40; x += 52) {
        const bool lit = p.one_in(6);
        p.canvas.rect(x, y, x + 28, y + 34, lit ? p.near({196, 160, 92}, 20) : Colour{22, 22, 32});
        if (lit) p.canvas.rect(x, 2 * ground - y + 20, x + 28, 2 * ground - y + 120, {130, 106, 66}, 70);
      }
    }
    p.canvas.rect(left + wide - 8, roof, left + wide, ground, {20, 20, 30});
    left += wide;
  }
  p.canvas.blotches(ground, 1001, 50, {58, 58, 76}, 110, p.stream);
  const int lamp = p.draw(120, 880);
  p.canvas.line({lamp, ground + 60}, {lamp, 300}, 14, {12, 12, 18});
  p.canvas.line({lamp, 300}, {lamp + 70, 290}, 12, {12, 12, 18});
  p.canvas.glow(lamp + 70, 310, 170, {210, 190, 130}, 170);
  p.canvas.glow(lamp + 70, ground + 170, 130, {150, 130, 90}, 80);
  for (int i = p.draw(3, 6); i > 0; --i) {  // puddles
    const Point at{p.draw(0, 1000), p.draw(ground + 70, 970)};
    const int wide = p.draw(60, 130);
    p.canvas.ellipse(at.x, at.y, wide, wide / 6, {70, 72, 94}, 170);
  }
  return {.haze = {60, 62, 88}, .haze_alpha = 36, .rain = p.draw(90, 150), .snow = 0};
}

void smoke(Painter& p, Point from, int puffs) {
  const int drift = p.draw(-26, 26);
  for (int i = 0; i < puffs; ++i) {
    const int wobble = p.draw(-20, 20);
    p.canvas.glow(from.x + drift * i + wobble, from.y - i * 48, 70 + i * 16, {30, 30, 32}, 190 - i * 8);
  }
}

Weather wreck(Painter& p) {
  const int ground = p.draw(600, 660);
  const Colour above = p.near({70, 66, 70}, 8), below = p.near({104, 92, 86}, 8);
  p.canvas.gradient(0, ground, above, below);
  p.canvas.blotches(0, ground, 150, {50, 48, 52}, 170, p.stream);
  const Colour earth = p.near({64, 56, 50}, 8);
  p.canvas.gradient(ground, 1000, earth, {40, 36, 34});
  p.canvas.blotches(ground, 1001, 40, {34, 30, 28}, 170, p.stream);
  constexpr std::array<Colour, 4> kBodies = {Colour{124, 58, 48}, Colour{76, 90, 108}, Colour{112, 106, 84}, Colour{72, 84, 76}};
  const Colour body = p.near(p.stream.pick(kBodies), 8), dark = mix(body, {0, 0, 0}, 110);
  const int x = p.draw(180, 340), y = ground + p.draw(60, 110);
  const auto at = [&](int across, int up) { return Point{x + across, y - up}; };
  smoke(p, at(480, 150), p.draw(7, 10));
  p.canvas.polygon({at(120, 130), at(180, 240), at(330, 226), at(400, 130)}, dark);
  p.canvas.polygon({at(146, 134), at(192, 224), at(250, 220), at(250, 134)}, {26, 28, 32});
  p.canvas.polygon({at(264, 134), at(264, 218), at(322, 212), at(372, 134)}, {26, 28, 32});
  for (const Point tip : {at(300, 200), at(330, 170), at(286, 160)}) p.canvas.line(at(312, 180), tip, 5, {150, 156, 160});
  p.canvas.polygon({at(0, 20), at(6, 128), at(130, 142), at(400, 138), at(452, 168), at(500, 96), at(560, 84), at(540, 30), at(460, 14)},
                   body);
  p.canvas.polygon({at(400, 138), at(452, 168), at(474, 130), at(430, 108)}, dark);
  p.canvas.line(at(250, 132), at(256, 30), 6, dark);
  p.canvas.line(at(20, 70), at(240, 60), 8, mix(body, {120, 70, 30}, 140));
  for (int i = 0; i < 8; ++i) {
    const int across = p.draw(20, 420), up = p.draw(30, 110);
    p.canvas.ellipse(at(across, up).x, at(across, up).y, p.draw(14, 34), 12, {96, 56, 32}, 150);
  }
  p.canvas.circle(at(110, 14).x, at(110, 14).y, 58, {18, 18, 20});
  p.canvas.circle(at(110, 14).x, at(110, 14).y, 26, {70, 70, 72});
  p.canvas.ellipse(at(430, 2).x, at(430, 2).y, 66, 42, {18, 18, 20});
  for (int i = 0; i < 26; ++i) {  // broken glass and parts
    const Point piece{p.draw(x - 60, x + 640), y + p.draw(20, 110)};
    const int size = p.draw(6, 16);
    p.canvas.polygon({piece, {piece.x + size, piece.y - size / 2}, {piece.x + size / 2, piece.y + size / 2}}, {140, 144, 146});
  }
  return {.haze = {84, 80, 82}, .haze_alpha = 44, .rain = 0, .snow = 0};
}

void branch(Painter& p, Point from, int step, int length, int width) {
  const Point to{from.x + length * cosine64(step) / 1024, from.y - length * sine64(step) / 1024};
  p.canvas.line(from, to, width, {36, 30, 28});
  if (length < 50) return;
  const int left = p.draw(3, 8), right = p.draw(3, 8), share = p.draw(60, 76);
  branch(p, to, step + left, length * share / 100, width * 2 / 3);
  branch(p, to, step - right, length * (130 - share) / 100, width * 2 / 3);
}

void withered_flower(Painter& p, Point foot, int height) {
  const int lean = p.one_in(2) ? 1 : -1;
  const Colour stalk = p.near({112, 98, 62}, 10);
  const Point bend{foot.x + lean * height / 8, foot.y - height}, over{bend.x + lean * height / 3, bend.y - height / 20};
  const Point head{over.x + lean * height / 6, over.y + height / 3};
  p.canvas.line(foot, bend, 10, stalk);
  p.canvas.line(bend, over, 10, stalk);
  p.canvas.line(over, head, 9, stalk);
  p.canvas.polygon(
      {{foot.x, foot.y - height / 2}, {foot.x - lean * height / 4, foot.y - height / 4}, {foot.x - lean * height / 7, foot.y - height / 2}},
      stalk);
  const Colour petals = p.near({128, 84, 70}, 16);
  for (const int side : {-1, 0, 1}) {
    p.canvas.polygon({head, {head.x + side * 30 - 14, head.y + 48}, {head.x + side * 22 + 16, head.y + 44}}, petals);
  }
  p.canvas.circle(head.x, head.y, 18, {54, 42, 36});
}

Weather withered_garden(Painter& p) {
  const int horizon = p.draw(520, 600);
  const Colour above = p.near({78, 78, 80}, 8), below = p.near({112, 108, 102}, 8);
  p.canvas.gradient(0, horizon, above, below);
  p.canvas.blotches(0, horizon, 180, {64, 64, 68}, 150, p.stream);
  const Colour earth = p.near({78, 66, 52}, 8);
  p.canvas.gradient(horizon, 1000, earth, {46, 38, 32});
  p.canvas.blotches(horizon, 1001, 36, {44, 36, 28}, 180, p.stream);
  const Point root{p.draw(120, 880), horizon + p.draw(20, 60)};
  const int step = p.draw(14, 18), length = p.draw(170, 220);
  branch(p, root, step, length, 42);
  for (int x = p.draw(-40, 0); x < 1000; x += 84) {  // a fence with gaps
    if (p.one_in(5)) continue;
    const int lean = p.draw(-16, 16);
    p.canvas.line({x, horizon + 70}, {x + lean, horizon - 40}, 22, {62, 54, 48});
  }
  for (int row = 0; row < 3; ++row) {
    for (int i = p.draw(4, 6); i > 0; --i) {
      const Point foot{p.draw(0, 1000), horizon + 160 + row * 100 + p.draw(0, 40)};
      withered_flower(p, foot, p.draw(100, 140) + row * 25);
    }
  }
  for (int i = 0; i < 30; ++i) {
    const Point at{p.draw(0, 1000), p.draw(horizon + 60, 990)};
    const int wide = p.draw(8, 18);
    p.canvas.ellipse(at.x, at.y, wide, 7, p.near({120, 82, 46}, 14));
  }
  return {.haze = {90, 90, 94}, .haze_alpha = 40, .rain = 0, .snow = 0};
}

void crow(Painter& p, Point at, int wing) {
  p.canvas.polygon({{at.x - wing, at.y - wing / 2},
                    {at.x - wing / 3, at.y - wing / 8},
                    {at.x, at.y + wing / 6},
                    {at.x + wing / 3, at.y - wing / 8},
                    {at.x + wing, at.y - wing / 2},
                    {at.x + wing / 4, at.y + wing / 5},
                    {at.x, at.y + wing / 3},
                    {at.x - wing / 4, at.y + wing / 5}},
                   {14, 14, 18});
}

Weather ruin(Painter& p) {
  const int ground = p.draw(640, 700);
  const Colour above = p.near({42, 44, 56}, 8), below = p.near({92, 90, 98}, 8);
  p.canvas.gradient(0, ground, above, below);
  p.canvas.blotches(0, ground, 170, {30, 32, 42}, 170, p.stream);
  p.canvas.gradient(ground, 1000, {50, 50, 48}, {30, 30, 30});
  p.canvas.blotches(ground, 1001, 44, {22, 24, 22}, 180, p.stream);
  const int left = p.draw(180, 330), right = left + p.draw(380, 460), eaves = p.draw(330, 380), ridge = eaves - p.draw(150, 190);
  const Colour wall = p.near({76, 72, 70}, 8);
  p.canvas.rect(left, eaves, right, ground + 20, wall);
  p.canvas.blotches(eaves, ground, 70, {34, 36, 38}, 60, p.stream);
  const int middle = (left + right) / 2, hole = p.draw(20, 120);
  p.canvas.polygon({{left - 30, eaves},
                    {middle - 60, ridge},
                    {middle + 20, ridge + 6},
                    {middle + hole, eaves - 60},
                    {middle + hole + 40, ridge + 60},
                    {right + 30, eaves}},
                   {40, 34, 34});
  for (int i = 0; i < 4; ++i) {
    const int x = left + 50 + (i % 2) * (right - left - 170), y = eaves + 40 + (i / 2) * 130;
    p.canvas.rect(x, y, x + 76, y + 84, {16, 16, 20});
    const int tip = p.draw(10, 60), second = p.draw(10, 60);
    p.canvas.polygon({{x, y}, {x + tip, y + 34}, {x + 76, y}}, {104, 110, 118}, 200);
    p.canvas.polygon({{x, y + 84}, {x + second, y + 50}, {x + 50, y + 84}}, {104, 110, 118}, 200);
    p.canvas.line({x - 6, y + p.draw(10, 70)}, {x + 84, y + 36}, 12, {58, 48, 40});
  }
  p.canvas.polygon({{middle - 44, ground + 20}, {middle - 40, ground - 140}, {middle + 46, ground - 132}, {middle + 40, ground + 20}},
                   {18, 16, 18});
  Point crack{middle + p.draw(-100, 100), eaves + 6};
  for (int i = 0; i < 6; ++i) {
    const Point next{crack.x + p.draw(-30, 30), crack.y + 34};
    p.canvas.line(crack, next, 7, {24, 22, 24});
    crack = next;
  }
  const int side = p.one_in(2) ? p.draw(40, 120) : p.draw(860, 950);
  branch(p, {side, ground + 60}, 16, 180, 36);
  for (int i = p.draw(3, 6); i > 0; --i) {
    const Point at{p.draw(60, 940), p.draw(60, 260)};
    crow(p, at, p.draw(26, 46));
  }
  return {.haze = {80, 84, 98}, .haze_alpha = 44, .rain = p.one_in(2) ? p.draw(30, 60) : 0, .snow = 0};
}

}  // namespace

Weather paint_gloomy(int64_t scene, Painter& painter) {
  switch (scene) {
    case 0:
      return storm(painter);
    case 1:
      return night_city(painter);
    case 2:
      return wreck(painter);
    case 3:
      return withered_garden(painter);
    default:
      return ruin(painter);
  }
}

}  // namespace infig::postcards
