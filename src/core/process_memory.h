// Resident memory of this process.
#pragma once

namespace infig {

double resident_mib();       // now
double peak_resident_mib();  // maximum since the program started

}  // namespace infig
