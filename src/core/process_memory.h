// How much memory this process has.
#pragma once

namespace infig {

double resident_mib();       // now
double peak_resident_mib();  // and at its largest, since this program began

}  // namespace infig
