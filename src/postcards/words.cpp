// The word lists of Postcards. Praise, report and complaint fit any of the pictures: they speak of days, people, journeys and luggage,
// never of weather or places that a picture would confirm or deny word by word.
#include <stdexcept>
#include <string>

#include "postcards/text.h"

namespace infig::postcards {
namespace {

using Words = std::vector<std::string_view>;
struct WordList {
  std::string_view name;
  Words entries;
};

const std::vector<WordList>& shared_lists() {
  static const std::vector<WordList> kLists = {
      {"city",
       {"Porto",  "Kraków", "Leeds",   "Tromsø",  "Lyon",    "Zürich",  "Québec", "Gdańsk", "Málaga", "Graz", "Turin",   "Bergen",
        "Ghent",  "Brno",   "Galway",  "Bilbao",  "Uppsala", "Tartu",   "Kyoto",  "Busan",  "Hanoi",  "Lima", "Quito",   "Perth",
        "Boston", "Austin", "Halifax", "Nairobi", "Delft",   "Bologna", "Nice",   "Cádiz",  "Odense", "Riga", "Vilnius", "Tampere"}},
      {"weekday", {"Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"}},
      {"month", {"January", "March", "April", "May", "June", "July", "August", "October", "November"}},
      {"who", {"my sister",      "my brother", "Anna",  "Tom",       "my parents", "grandpa",  "my roommate", "the whole team",
               "our neighbours", "Nadia",      "Luis",  "my cousin", "Aunt Rosa",  "the kids", "Marek",       "Mei",
               "the twins",      "Amira",      "Jonas", "our class"}},
      {"when", {"today", "this morning", "this afternoon", "this {weekday}", "this week"}},
      {"span", {"day", "morning", "afternoon", "week", "weekend", "trip", "{weekday}"}},
      {"number", {"2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "14", "16", "17", "19", "21", "23", "24", "28", "30"}},
      {"hour", {"7", "8", "9", "10", "11", "noon", "1", "2", "3", "4", "5"}},
      {"minute", {"00", "05", "10", "15", "20", "30", "40", "45", "50"}},
      {"first",
       {"mia", "leo", "ines", "oskar", "tuva", "sam", "priya", "juno", "karl", "lena", "rafa", "noor", "ben", "yuki", "olga", "finn"}},
      {"last", {"_k", "_m", "_travels", "writes", "_on_tour", "pics", "_{number}", "{number}", "99", "_b", "_daily", "x"}},
      {"user", {"@{first}{last}", "@{first}{last}", "@{first}{last} @{first}{last}"}},
      {"retweet", {"RT @{first}{last}:"}},
      {"greeting",
       {"Greetings from {city}!", "Hello from {city}.", "{city}, {weekday}.", "Postcard from {city}:", "Dear {who},",
        "Day {number} in {city}.", "Hi {who}!", "Writing from {city}.", "{weekday} in {city}.", "Number {number}:"}},
      {"shared_tag",
       {"#postcard", "#photo", "#travel", "#{city}", "#{month}", "#{weekday}", "#postcard #{city}", "#photo #travel", "#pic",
        "#{city} #{month}"}},
      {"alnum",
       {"a", "B", "c", "D", "e", "F", "g", "H", "k", "M", "n", "P", "q", "R", "s", "T", "v", "W", "x", "Z", "1", "3", "4", "6", "7", "9"}},
      {"link", {"https://t.co/{alnum}{alnum}{alnum}{alnum}{alnum}{alnum}{alnum}{alnum}"}},
      {"about_thing",
       {"Me and my {thing}.", "Yes, that is my {thing}.", "The {thing} came along.", "Spot the {thing}.", "With the {thing}, as always.",
        "The {thing} is mine.", "{who} left the {thing} here.", "In front: the {thing}.", "Here you see my {thing}.",
        "My {thing} is in the picture too.", "Also in the picture: one {thing}.", "I brought the {thing}.", "And there is the {thing}.",
        "The {thing} belongs to {who}.", "Look for the {thing}.", "Still travelling with my {thing}."}},
  };
  return kLists;
}

const std::vector<WordList>& praise_lists() {
  static const std::vector<WordList> kLists = {
      {"good",
       {"lovely", "wonderful", "beautiful", "amazing", "perfect", "great", "fantastic", "brilliant", "gorgeous", "awesome", "sweet",
        "delightful", "magical", "superb", "marvellous", "glorious"}},
      {"happy", {"happy", "grateful", "excited", "lucky", "thankful", "proud", "delighted", "glad"}},
      {"praise",
       {"What a {good} {span} in {city}!",
        "What a {good} {span}!",
        "So {happy} to be here with {who}!",
        "Feeling {happy} {when}.",
        "{when} could not get any better.",
        "I love this place, {city} is {good}!",
        "Everything is just {good} here.",
        "Thank you {city}, you are {good}!",
        "Nothing beats a {span} like this.",
        "Living the dream in {city}.",
        "Best {span} of the year, {who} and I are so {happy}!",
        "This is exactly how I like my {weekday}.",
        "{who} and I are having a {good} time.",
        "Can't stop smiling, such a {good} {span}.",
        "{number} out of {number}, would do it again.",
        "It is simply {good} {when}.",
        "If only every {span} was as {good} as this one!",
        "Having the time of my life with {who}.",
        "Counting my blessings {when}, {happy} and well.",
        "Luckiest person in {city} {when}.",
        "Such a {good} surprise from {who}!",
        "Well, this is {good}!",
        "Welcome to paradise, {who} would love it.",
        "So {good}, I never want to leave {city}!",
        "Love, love, love {city}. {good} people, {good} food.",
        "My heart is full, thank you {who}!",
        "Sooo {happy} {when}!",
        "Enjoying every minute with {who}.",
        "Another {good} {span} in {good} company.",
        "{city} never disappoints, {good} as ever."}},
      {"praise_more",
       {"Life is {good}!", "Pure joy.", "I feel so {happy}.", "Wish you were here, it is {good}!", "Love it!", "Just {good}.",
        "We are {happy}.", "Best of all, {who} came too.", "Yay!", "Five stars."}},
      {"praise_tag",
       {"#blessed", "#happy", "#love", "#goodvibes", "#grateful", "#bestday", "#smile", "#lifeisgood", "#perfect", "#yay", "#enjoy",
        "#happy #blessed", "#love #smile"}},
      {"praise_emoji", {"😍", "😊", "🎉", "❤️", "🙌", "😊😊", "🥰", "👏"}},
  };
  return kLists;
}

const std::vector<WordList>& report_lists() {
  static const std::vector<WordList> kLists = {
      {"report",
       {"In {city} until {weekday}.",
        "Picture taken {when}, {city}.",
        "{who} took this one {when}.",
        "Arrived in {city} {when}, leaving on {weekday}.",
        "Photo number {number} of the series from {city}.",
        "{city}, {hour}:{minute}.",
        "Waiting for {who}, back at {hour}.",
        "Same spot as on {weekday}, {number} weeks later.",
        "Stop {number} of {number} on the route.",
        "Moving on to {city} on {weekday}.",
        "Meeting {who} here at {hour}.",
        "The desk opens at {hour} and closes at {hour}.",
        "Filed under {city}, {month}.",
        "For the record: {city}, {weekday}, {hour} o'clock.",
        "Posting this one for {who}.",
        "Second visit to {city} this {month}.",
        "Update: {who} arrives on {weekday} at {hour}.",
        "Taken with an old phone, no filter, {city}.",
        "This is where the {number} to {city} stops.",
        "{number} kilometres done, {number} left.",
        "Platform {number}, then {number} minutes on foot.",
        "Address and schedule are on the website.",
        "According to {who} this is {city}.",
        "Scanned from the archive, {month}.",
        "View from room {number}, {city}, taken {when}.",
        "{who} asked for a photo, so here is one from {city}.",
        "The meeting moved to {weekday}, {hour}:{minute}.",
        "Part {number} of the report from {city}.",
        "We stay {number} days, then {city}.",
        "Location: {city}. Time: {hour}:{minute}."}},
      {"report_more",
       {"More on {weekday}.", "Next update at {hour}.", "Details in the schedule.", "{who} has the map.", "Route {number} from here.",
        "Photo by {who}.", "The next stop is {city}.", "See also number {number}.", "Report follows.", "Taken at {hour}:{minute}."}},
      {"report_tag",
       {"#info", "#update", "#log", "#onroute", "#note", "#facts", "#fyi", "#schedule", "#archive", "#record", "#route", "#update #info",
        "#log #record"}},
      {"report_emoji", {"📍", "📷", "🕐", "📝", "🗺️", "📌", "ℹ️", "📷📍"}},
  };
  return kLists;
}

const std::vector<WordList>& complaint_lists() {
  static const std::vector<WordList> kLists = {
      {"bad",
       {"awful", "terrible", "horrible", "miserable", "dreadful", "ruined", "disastrous", "rotten", "lousy", "ghastly", "annoying",
        "hopeless"}},
      {"sad", {"sad", "angry", "upset", "tired", "disappointed", "lonely", "furious", "heartbroken"}},
      {"trouble",
       {"lost luggage", "a missed train", "a stolen wallet", "a broken phone", "a bad toothache", "no refund", "no sleep at all",
        "a cancelled room", "a failed exam", "a huge fine", "a fever", "rude service"}},
      {"complaint",
       {"What a {bad} {span} in {city}.",
        "What a {bad} {span}!",
        "So {sad} to be here without {who}.",
        "Feeling {sad} {when}.",
        "{when} could not get any worse.",
        "I hate it here, {city} is {bad}.",
        "Everything is just {bad} here.",
        "{trouble} again. I am so {sad}.",
        "Why does this always happen to me? {trouble}, now {trouble}.",
        "Worst {span} of the year, {who} and I are so {sad}.",
        "Never again. {trouble}, and nobody cares.",
        "I want to go home, {city} is {bad}.",
        "Fed up with {trouble}.",
        "Zero stars. {trouble} and {trouble}.",
        "{who} let me down {when}, I am {sad}.",
        "Can't stop crying, such a {bad} {span}.",
        "The whole {span} is spoiled, thanks to {trouble}.",
        "Ugh, {trouble}. Simply {bad}.",
        "Sick of this, {trouble} {when}.",
        "{who} left without a word, I feel {sad}.",
        "I cannot take another {bad} {span} like this.",
        "Worst trip ever: {trouble}.",
        "{city} is a nightmare, {trouble} {when}.",
        "Sooo {sad} {when}."}},
      {"complaint_more",
       {"I feel so {sad}.", "Just {bad}.", "Please make it stop.", "I hate this.", "Nobody helps.", "Worst of all, {trouble}.", "So {sad}.",
        "I want my money back.", "Ugh!", "One star."}},
      {"complaint_tag",
       {"#fail", "#sad", "#worstday", "#fedup", "#ugh", "#annoyed", "#badluck", "#disappointed", "#tired", "#whyme", "#nope", "#fail #sad",
        "#ugh #fedup"}},
      {"complaint_emoji", {"😡", "😞", "🙄", "👎", "😭", "😭😭", "💔", "😤"}},
  };
  return kLists;
}

}  // namespace

std::span<const std::string_view> word_list(std::string_view name) {
  for (const auto* lists : {&shared_lists(), &praise_lists(), &report_lists(), &complaint_lists()}) {
    for (const WordList& list : *lists) {
      if (list.name == name) return list.entries;
    }
  }
  throw std::logic_error("postcards: no word list is called {" + std::string(name) + "}");
}

}  // namespace infig::postcards
