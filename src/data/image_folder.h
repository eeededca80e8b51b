// A folder of pictures as a table, as the hub's imagefolder has it.
#pragma once

#include <filesystem>

#include "data/row_reading.h"

namespace infig {

// Whether a folder holds pictures, itself or in its folders, or a metadata table.
bool is_image_folder(const std::filesystem::path& folder);

// Throws DataError naming the data sets that prepare wrote into folders of `folder`, if there are any: their pictures would be taken for
// those of as many classes.
void refuse_folder_of_data_sets(const std::filesystem::path& folder);

// With metadata.csv, metadata.jsonl or metadata.parquet, in the folder or in folders of it, their rows: `file_name` (an image column by
// any of its names) goes from the table's own folder; pictures that no table names are counted for reading.notes. Without one, a row for
// each picture (jpg, jpeg, png, webp, gif, bmp, avif, heic, heif, tif, tiff, jxl) in the order of its path; the class is the name of the
// folder that it lies in. Other files are counted by their extensions.
// What a row does not state itself: the id is the picture's path without extension, '/' as '_' (with the extension where two would be
// equal); the split is a folder called train, val, valid, validation, dev or test on the way to the picture; the label of a metadata table
// without such a column is the class as above. Hidden files and folders are passed over. Throws as for_each_row.
void read_image_folder(const std::filesystem::path& folder, const TableReading& reading, const RowTake& take);

}  // namespace infig
